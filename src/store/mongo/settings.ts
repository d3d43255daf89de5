import type { SettingStore } from "#store/setting-store.ts";
import type { Collections, NumberRow } from "./collections.ts";
import { type Intents, NOTHING } from "./intents.ts";
import { keyOf } from "./keys.ts";
import { upsert } from "./records.ts";

const REVISION = "setting revision";

export function mongoSettings(rows: Collections, intents: Intents): SettingStore {
  const { setting: settings } = rows;

  return {
    listSettings: () => settings.list({}, { sort: { _id: 1 } }),
    async settingsRevision() {
      return (await rows.number.findOne({ _id: REVISION }).lean<NumberRow>())?.value ?? 0;
    },
    async putSetting(setting) {
      await changeSettings(rows, intents, async () => {
        await settings.save(setting);
        return true;
      });
    },
    removeSetting({ workspaceId, channelId, key }) {
      return changeSettings(rows, intents, async () => {
        const removed = await settings.model.deleteOne({ _id: keyOf(workspaceId, channelId, key) });
        return removed.deletedCount === 1;
      });
    },
  };
}

/** Raises the revision after the change, also when the program is killed between the two. `change` is false when it changed nothing. */
export async function changeSettings(
  rows: Collections,
  intents: Intents,
  change: () => Promise<boolean>,
): Promise<boolean> {
  const intent = await intents.begin({ ...NOTHING, settings: 1 });
  const isChanged = await change();
  if (isChanged) await raiseRevision(rows);
  await intent.drop();
  return isChanged;
}

export async function raiseRevision({ number }: Collections): Promise<void> {
  await upsert(() => number.updateOne({ _id: REVISION }, { $inc: { value: 1 } }, { upsert: true }));
}
