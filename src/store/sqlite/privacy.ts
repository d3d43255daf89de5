import { setImmediate as letOthers } from "node:timers/promises";
import type { Deletion, ErasedPlace } from "#core/people.ts";
import type { Erased, PrivacyStore } from "#store/privacy-store.ts";
import { keyText, optionalKey } from "./columns.ts";
import type { Counts } from "./counts.ts";
import { type Erasing, sqliteErasings } from "./erasing.ts";
import type { LogEmptier } from "./log-emptier.ts";
import { sqlitePersonReader } from "./person-reader.ts";
import type { Sql } from "./sql.ts";
import { prepareAdd } from "./table.ts";
import { deletionTable, erasedPlaceTable } from "./tables.ts";
import type { TurnMarks } from "./turn-marks.ts";

interface UnfinishedRow {
  readonly workspace: string;
  readonly channel: string;
  readonly user_id: string;
  readonly at: number;
}

/** Ids of the place or person as text that is JSON, `null` where there is none. */
type Unfinished = UnfinishedRow & Readonly<Record<string, string | number>>;

/** The recorded moment is our clock's; a platform's may be ahead. What is there when somebody asks goes, whatever its time. */
const ALL = Number.MAX_SAFE_INTEGER;

export function sqlitePrivacy(sql: Sql, counts: Counts, marks: TurnMarks, emptier: LogEmptier): PrivacyStore {
  const erasings = sqliteErasings(sql, counts, marks);
  const addDeletion = prepareAdd(sql, deletionTable);
  const addPlace = prepareAdd(sql, erasedPlaceTable);
  const begin = sql.prepare(`
    INSERT INTO unfinished_erasure (workspace, channel, user_id, at) VALUES (:workspace, :channel, :user_id, :at)
    ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`);
  const end = sql.prepare(`
    DELETE FROM unfinished_erasure
    WHERE workspace = :workspace AND channel = :channel AND user_id = :user_id AND at <= :at`);
  const listUnfinished = sql.prepare<UnfinishedRow>("SELECT workspace, channel, user_id, at FROM unfinished_erasure");
  const listOld = sql.prepare<{ id: string }>(`
    SELECT id FROM turn WHERE workspace = :workspace AND is_erased = 0 AND asked_at < :before
    ORDER BY asked_at LIMIT :limit`);
  const nextWorkspace = sql.prepare<{ workspace: string | null }>(
    "SELECT min(workspace) AS workspace FROM turn WHERE is_erased = 0 AND workspace > :after",
  );

  /** From the first word on the erasure is recorded, and saves of what is erased are refused. */
  async function erasePerson(deletion: Deletion, untilMs: number): Promise<Erased> {
    const row = unfinished(deletion.workspaceId, undefined, deletion.userId, deletion.atMs);
    sql.write(() => {
      addDeletion(deletion);
      begin.run(row);
    });
    const erased = await runToEnd(erasings.erasePerson(deletion, untilMs));
    // Unfinished until the words are out of the log too: the next start tries again.
    await emptier.empty(() => end.run(row));
    return erased;
  }

  async function erasePlace(place: ErasedPlace, untilMs: number): Promise<Erased> {
    const row = unfinished(place.workspaceId, place.channelId, undefined, place.atMs);
    sql.write(() => {
      addPlace(place);
      begin.run(row);
    });
    const erased = await runToEnd(erasings.erasePlace(place, untilMs));
    await emptier.empty(() => end.run(row));
    return erased;
  }

  function resume({ workspace, channel, user_id: user, at: atMs }: UnfinishedRow): Promise<Erased> {
    const workspaceId = readText(workspace) ?? "";
    const [channelId, userId] = [readText(channel), readText(user)];
    if (userId !== undefined) return erasePerson({ workspaceId, userId, atMs }, atMs);
    return erasePlace({ workspaceId, atMs, ...(channelId === undefined ? {} : { channelId }) }, atMs);
  }

  return {
    ...sqlitePersonReader(sql),
    erasePerson: (workspaceId, userId, atMs) => erasePerson({ workspaceId, userId, atMs }, ALL),
    async eraseTurn(turnId) {
      const erased = await runToEnd(erasings.erase([keyText(turnId)]));
      if (erased.turnIds.length > 0) emptier.request();
      return erased;
    },
    erasePlace: ({ workspaceId, channelId }, atMs) =>
      erasePlace({ workspaceId, atMs, ...(channelId === undefined ? {} : { channelId }) }, ALL),
    async eraseBefore(workspaceId, before, limit) {
      const rows = listOld.all({ workspace: keyText(workspaceId), before, limit });
      const erased = await runToEnd(erasings.erase(rows.map(({ id }) => id)));
      if (erased.turnIds.length > 0) await emptier.empty();
      return erased;
    },
    async resumeErasures() {
      const erased: Erased[] = [];
      for (const row of listUnfinished.all()) erased.push(await resume(row));
      return addUp(erased);
    },
    async listWorkspaces() {
      const workspaces: string[] = [];
      for (let after = ""; ; ) {
        const workspace = nextWorkspace.get({ after })?.workspace;
        if (workspace === null || workspace === undefined) return workspaces;
        workspaces.push(readText(`"${workspace}"`) ?? "");
        after = workspace;
      }
    },
  };
}

/** Other writers, and this process's own work, come in between two writes. */
async function runToEnd(erasing: Erasing): Promise<Erased> {
  const steps: Erased[] = [];
  for (const step of erasing) {
    steps.push(step);
    await letOthers();
  }
  return addUp(steps);
}

function addUp(steps: readonly Erased[]): Erased {
  return {
    turnIds: [...new Set(steps.flatMap(({ turnIds }) => turnIds))],
    feedback: steps.reduce((sum, { feedback }) => sum + feedback, 0),
  };
}

function unfinished(
  workspaceId: string,
  channelId: string | undefined,
  userId: string | undefined,
  at: number,
): Unfinished {
  return { workspace: optionalKey(workspaceId), channel: optionalKey(channelId), user_id: optionalKey(userId), at };
}

function readText(json: string): string | undefined {
  return (JSON.parse(json) as string | null) ?? undefined;
}
