import { eventWithoutWords } from "#store/without-words.ts";
import { keyText } from "./columns.ts";
import type { EraseStep } from "./erase-person.ts";
import type { prepareEraseTurns } from "./erase-turns.ts";
import { prepareRaiseRevision } from "./settings.ts";
import type { Sql } from "./sql.ts";
import { type DocumentRow, prepareSave, readDocument } from "./table.ts";
import { inboxEventTable } from "./tables.ts";

/** Up to this moment; what came later stays. */
export interface ErasedUntil {
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly untilMs: number;
}

/** What is the workspace's own, with the moment that tells whether it was there before. */
const OWN: readonly (readonly [table: string, moment: string])[] = [
  ["setting", "setAtMs"],
  ["permission", "changedAtMs"],
  ["user_choice", "changedAtMs"],
  ["installation", "installedAtMs"],
];

export function prepareErasePlace(
  sql: Sql,
  eraseTurns: ReturnType<typeof prepareEraseTurns>,
  batch: number,
): { begin(place: ErasedUntil): void; readonly next: EraseStep<ErasedUntil> } {
  const inPlace = "workspace = :workspace AND (:channel IS NULL OR channel = :channel)";
  // Those that wait are few; those of a workspace that are done are not.
  const listEvents = sql.prepare<DocumentRow>(`
    SELECT version, document FROM inbox_event INDEXED BY inbox_event_open
    WHERE ${inPlace} AND state <> 'done' AND received_at <= :until`);
  const saveEvent = prepareSave(sql, inboxEventTable);
  const removeReports = sql.prepare(`DELETE FROM report WHERE ${inPlace} AND at <= :until`);
  const removeOwn = OWN.map(([table, moment]) =>
    sql.prepare(`DELETE FROM ${table} WHERE workspace = :workspace AND document ->> '$.${moment}' <= :until`),
  );
  const raiseRevision = prepareRaiseRevision(sql);
  const named = ["mark", "cursor"].map((table) => ({
    list: sql.prepare<{ key: string }>(`SELECT key FROM ${table} WHERE instr(key, :workspace) > 0`),
    remove: sql.prepare(`
      DELETE FROM ${table} WHERE key = :key AND ${table === "mark" ? "document ->> '$.atMs'" : "at"} <= :until`),
  }));
  const listOfChannel = sql.prepare<{ id: string }>(`
    SELECT id FROM turn WHERE workspace = :workspace AND channel = :channel AND is_erased = 0 AND asked_at <= :until
    ORDER BY asked_at LIMIT ${batch}`);
  const listOfWorkspace = sql.prepare<{ id: string }>(`
    SELECT id FROM turn WHERE workspace = :workspace AND is_erased = 0 AND asked_at <= :until
    ORDER BY asked_at LIMIT ${batch}`);

  function eraseOwn(workspace: string, until: number): void {
    for (const remove of removeOwn) remove.run({ workspace, until });
    for (const { list, remove } of named) {
      for (const { key } of list.all({ workspace })) if (namesWord(key, workspace)) remove.run({ key, until });
    }
    raiseRevision();
  }

  return {
    begin({ workspaceId, channelId, untilMs: until }) {
      const workspace = keyText(workspaceId);
      const params = { workspace, channel: channelId === undefined ? null : keyText(channelId), until };
      for (const row of listEvents.all(params)) saveEvent(eventWithoutWords(readDocument(inboxEventTable, "", row)));
      removeReports.run(params);
      if (channelId === undefined) eraseOwn(workspace, until);
    },
    next({ workspaceId, channelId, untilMs: until }) {
      const workspace = keyText(workspaceId);
      const rows =
        channelId === undefined
          ? listOfWorkspace.all({ workspace, until })
          : listOfChannel.all({ workspace, channel: keyText(channelId), until });
      return rows.length === 0 ? undefined : eraseTurns(rows.map(({ id }) => id));
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
