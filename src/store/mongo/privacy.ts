import type { Erased, PrivacyStore } from "#store/privacy-store.ts";
import type { Collections, ErasureRow, TurnRow } from "./collections.ts";
import { addUp, type Erasing } from "./erasing.ts";
import { keyOf, keyText, keyTextOrNull, readKeyText } from "./keys.ts";
import { mongoPersonReader } from "./person-reader.ts";
import { upsert } from "./records.ts";

interface What {
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly userId?: string;
}

/** The recorded moment is our clock's; a platform's may be ahead. What is there when somebody asks goes, whatever its time. */
const ALL = Number.MAX_SAFE_INTEGER;

export function mongoPrivacy(rows: Collections, erasing: Erasing): PrivacyStore {
  const { erasure, turnRow } = rows;

  /** From the first word on the erasure is recorded, and saves of what is erased are refused. */
  async function erase(what: What, atMs: number, untilMs: number): Promise<Erased> {
    const { workspaceId, channelId, userId } = what;
    const _id = keyOf(workspaceId, channelId, userId);
    const place = { workspaceId, ...(channelId === undefined ? {} : { channelId }) };
    const row = { workspace: keyText(workspaceId), channel: keyTextOrNull(channelId), user: keyTextOrNull(userId) };
    await upsert(() => erasure.updateOne({ _id }, { $set: row, $max: { at: atMs } }, { upsert: true }));
    if (userId === undefined) await rows.erasedPlace.add({ ...place, atMs });
    else await rows.deletion.add({ workspaceId, userId, atMs });
    const erased =
      userId === undefined
        ? await erasing.erasePlace({ ...place, untilMs })
        : await erasing.erasePerson({ workspaceId, userId, untilMs });
    await erasure.deleteOne({ _id, at: { $lte: atMs } });
    return erased;
  }

  async function resume({ workspace, channel, user, at }: ErasureRow): Promise<Erased> {
    const ofChannel = channel === null ? {} : { channelId: readKeyText(channel) };
    const ofUser = user === null ? {} : { userId: readKeyText(user) };
    return erase({ workspaceId: readKeyText(workspace), ...ofChannel, ...ofUser }, at, at);
  }

  return {
    ...mongoPersonReader(rows),
    erasePerson: (workspaceId, userId, atMs) => erase({ workspaceId, userId }, atMs, ALL),
    eraseTurn: (turnId) => erasing.eraseTurns([keyText(turnId)]),
    erasePlace: (place, atMs) => erase(place, atMs, ALL),
    async eraseBefore(workspaceId, beforeMs, limit) {
      if (limit <= 0) return addUp([]);
      const old = await turnRow
        .find({ is_erased: 0, workspace: keyText(workspaceId), asked_at: { $lt: beforeMs } }, { _id: 1 })
        .sort({ asked_at: 1 })
        .limit(limit)
        .lean<Pick<TurnRow, "_id">[]>();
      return erasing.eraseTurns(old.map(({ _id }) => _id));
    },
    async resumeErasures() {
      const erased: Erased[] = [];
      for (const row of await erasure.find({}).lean<ErasureRow[]>()) erased.push(await resume(row));
      return addUp(erased);
    },
    async listWorkspaces() {
      const workspaces: string[] = [];
      for (let after: object = {}; ; ) {
        const next = await turnRow
          .findOne({ is_erased: 0, ...after }, { workspace: 1 })
          .sort({ workspace: 1 })
          .lean<Pick<TurnRow, "workspace">>();
        if (next === null) return workspaces;
        workspaces.push(readKeyText(next.workspace));
        after = { workspace: { $gt: next.workspace } };
      }
    },
  };
}
