import type { Collections, TurnRow } from "./collections.ts";
import type { EraseSteps } from "./erase-person.ts";
import type { EraseTurns } from "./erase-turns.ts";
import { finishEvents } from "./inbox.ts";
import type { Intents } from "./intents.ts";
import { keyText } from "./keys.ts";
import { changeSettings } from "./settings.ts";

/** Up to this moment; what came later stays. */
export interface ErasedUntil {
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly untilMs: number;
}

export function mongoErasePlace(
  rows: Collections,
  parts: { readonly intents: Intents; readonly eraseTurns: EraseTurns; readonly batch: number },
): EraseSteps<ErasedUntil> {
  const { intents, eraseTurns, batch } = parts;

  /** What is the workspace's own. */
  async function eraseOwn(workspaceId: string, untilMs: number): Promise<void> {
    const workspace = keyText(workspaceId);
    const until = { $lte: untilMs };
    await changeSettings(rows, intents, async () => {
      await rows.setting.model.deleteMany({ workspace, set_at: until });
      return true;
    });
    await rows.permission.model.deleteMany({ _id: workspace, changed_at: until });
    await rows.userChoice.model.deleteMany({ workspace, changed_at: until });
    await rows.installation.model.deleteMany({ workspace, installed_at: until });
    // Once per workspace that leaves: all keys are walked through, by the index of keys.
    const marks = rows.mark.model.find({}, { _id: 1 }).sort({ _id: 1 }).lean<{ _id: string }[]>().cursor();
    for await (const { _id } of marks) {
      if (namesWord(_id, workspace)) await rows.mark.model.deleteOne({ _id, at: until });
    }
    const cursors = rows.cursor.find({}, { _id: 1 }).sort({ _id: 1 }).lean<{ _id: string }[]>().cursor();
    for await (const { _id } of cursors) {
      if (namesWord(_id, workspace)) await rows.cursor.deleteOne({ _id, value: until });
    }
  }

  const inPlace = ({ workspaceId, channelId }: ErasedUntil) => ({
    workspace: keyText(workspaceId),
    ...(channelId === undefined ? {} : { channel: keyText(channelId) }),
  });

  return {
    async begin(place) {
      const until = { $lte: place.untilMs };
      await finishEvents(rows, { ...inPlace(place), open: 1, received_at: until });
      await rows.report.model.deleteMany({ ...inPlace(place), at: until });
      if (place.channelId === undefined) await eraseOwn(place.workspaceId, place.untilMs);
    },
    async next(place) {
      const found = await rows.turnRow
        .find({ ...inPlace(place), is_erased: 0, asked_at: { $lte: place.untilMs } }, { _id: 1 })
        .sort({ asked_at: 1 })
        .limit(batch)
        .lean<Pick<TurnRow, "_id">[]>();
      return found.length === 0 ? undefined : eraseTurns(found.map(({ _id }) => _id));
    },
  };
}

/** `slack:T1` stands in `notice slack:T1 C2`, not in `notice slack:T12`. */
function namesWord(key: string, word: string): boolean {
  for (let at = key.indexOf(word); at >= 0; at = key.indexOf(word, at + 1)) {
    const [before = " ", after = " "] = [key[at - 1], key[at + word.length]];
    if (!/\w/u.test(before) && !/[\w-]/u.test(after)) return true;
  }
  return false;
}
