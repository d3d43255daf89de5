import type { Sql } from "./sql.ts";

/** A statement that would walk through a whole table, however many records there are. */
export interface TableWalk {
  readonly statement: string;
  /** As SQLite tells it: "SCAN turn". */
  readonly step: string;
}

/** Tables of a handful of records, or of one per run, machine, forgotten person or place: these are read whole. */
const SMALL = [
  "adapter",
  "cache_count",
  "cache_size",
  "cursor",
  "dataset",
  "deletion",
  "erased_place",
  "installation",
  "lease",
  "mark",
  "model_use",
  "permission",
  "record_version",
  "run",
  "service",
  "setting",
  "setting_revision",
  "sqlite_master",
  "unfinished_erasure",
];

/** Asks SQLite for the plan of each statement; runs none. A walk along an index counts unless the statement stops after some rows. */
export function findTableWalks(sql: Sql, statements: Iterable<string>): readonly TableWalk[] {
  return [...new Set(statements)].flatMap((statement) => {
    const names = Array.from(statement.matchAll(/:([a-z]\w*)/giu), (match) => match[1] ?? "");
    const unknown = Object.fromEntries(names.map((name) => [name, null]));
    const plan = sql.prepare<{ detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).all(unknown);
    const walks = plan.filter(({ detail }) => isWalk(detail, /\bLIMIT\b/u.test(statement)));
    return walks.map(({ detail: step }) => ({ statement: statement.replace(/\s+/gu, " ").trim(), step }));
  });
}

function isWalk(step: string, isLimited: boolean): boolean {
  const table = /^SCAN (\w+)/u.exec(step)?.[1];
  if (table === undefined || /^SCAN (\d+ )?CONSTANT ROWS?$/u.test(step) || SMALL.includes(table)) return false;
  return !(isLimited && / USING (COVERING )?INDEX /u.test(step));
}
