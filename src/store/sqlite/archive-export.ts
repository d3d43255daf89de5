import { ImportUnfinishedError } from "#core/errors.ts";
import { headerLine } from "#store/archive-lines.ts";
import type { Sql } from "./sql.ts";
import type { DocumentRow } from "./table.ts";
import { RECORD_TABLES } from "./tables.ts";

const PAGE_ROWS = 500;
/** Of the cursor that tells how far an import came, until it has ended. */
export const IMPORT_KEY = "import";

type KeyedRow = DocumentRow & Readonly<Record<string, string | number>>;

/**
 * What the store held at one moment, whatever is written while it is read. Ends the transaction with the connection. Throws
 * ImportUnfinishedError when half of it would be missing.
 */
export function* exportRecords(sql: Sql, nowMs: number): Generator<string> {
  sql.exec("BEGIN");
  if (sql.prepare<object>("SELECT 1 FROM cursor WHERE key = :key").get({ key: IMPORT_KEY }) !== undefined) {
    throw new ImportUnfinishedError();
  }
  const records = RECORD_TABLES.reduce((sum, { name }) => sum + countRows(sql, name), 0);
  yield headerLine(nowMs, records);

  for (const table of RECORD_TABLES) {
    const kind = JSON.stringify(table.record.kind);
    for (const { version, document } of pageThrough(sql, table.name, table.keys)) {
      yield `{"kind":${kind},"version":${version},"record":${escapeLineEnds(document)}}`;
    }
  }
}

/** Characters that JSON leaves as they are, and that readers of lines, Node's among them, take for line ends. */
function escapeLineEnds(json: string): string {
  return json.replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

export function countRows(sql: Sql, table: string): number {
  return sql.prepare<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`).get()?.rows ?? 0;
}

function* pageThrough(sql: Sql, table: string, keys: readonly string[]): Generator<DocumentRow> {
  const names = keys.join(", ");
  const select = `SELECT ${names}, version, document FROM ${table}`;
  const order = `ORDER BY ${names} LIMIT ${PAGE_ROWS}`;
  const after = `(${names}) > (${keys.map((name) => `:${name}`).join(", ")})`;
  const next = sql.prepare<KeyedRow>(`${select} WHERE ${after} ${order}`);

  let page = sql.prepare<KeyedRow>(`${select} ${order}`).all();
  for (;;) {
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE_ROWS) return;
    page = next.all(Object.fromEntries(keys.map((name) => [name, last[name] ?? null])));
  }
}
