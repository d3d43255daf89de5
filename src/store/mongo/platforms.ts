import type { PlatformStore } from "#store/platform-store.ts";
import type { Collections, NumberRow } from "./collections.ts";
import { keyOf, keyText } from "./keys.ts";
import { upsert } from "./records.ts";

export function mongoPlatforms({ cursor, mark, installation }: Collections): PlatformStore {
  return {
    async getCursor(key) {
      return (await cursor.findOne({ _id: keyText(key) }).lean<NumberRow>())?.value;
    },
    async putCursor(key, value) {
      await upsert(() => cursor.updateOne({ _id: keyText(key) }, { $set: { value } }, { upsert: true }));
    },
    takeMark: (key, atMs) => mark.add({ key, atMs }),
    async clearMarks(keyPrefix) {
      // The range finds them by the key's order: there can be a mark for every command.
      const prefix = keyText(keyPrefix);
      const found = await mark.model
        .find({ _id: { $gte: prefix, $lt: `${prefix}\u{10ffff}\u{10ffff}` } }, { _id: 1 })
        .lean();
      const _id = { $in: found.map((row) => row._id).filter((key) => key.startsWith(prefix)) };
      await mark.model.deleteMany({ _id });
    },
    saveInstallation: (record) => installation.save(record),
    findInstallation: (platform, workspaceId) => installation.find(keyOf(platform, workspaceId)),
    listInstallations: (platform) => installation.list({ platform }, { sort: { workspace: 1 } }),
    async removeInstallation(platform, workspaceId) {
      await installation.model.deleteOne({ _id: keyOf(platform, workspaceId) });
    },
  };
}
