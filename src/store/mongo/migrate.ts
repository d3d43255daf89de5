import type { Connection } from "mongoose";
import { StoreTooNewError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Collections } from "./collections.ts";
import { EXPIRING, INDEXES } from "./indexes.ts";
import { RECORD_KINDS } from "./record-kinds.ts";

export interface Migration {
  /** From 1, without gaps. */
  readonly number: number;
  readonly name: string;
  /** May run again, and beside itself in another process: a kill leaves it half done. */
  run(connection: Connection): Promise<void>;
}

/** Indexes that are there already are left as they are: each step that adds some makes all. */
export const MIGRATIONS: readonly Migration[] = [
  { number: 1, name: "indexes", run: createIndexes },
  { number: 2, name: "cache-indexes", run: createIndexes },
];

const SCHEMA = "schema";
const EXPIRED_FOR_SECONDS = 3600;

/**
 * Brings the database to the newest schema. Every step may be repeated, so the version is written after the step. Rejects with
 * StoreTooNewError when a newer program wrote here.
 */
export async function migrate(
  connection: Connection,
  rows: Collections,
  options: { readonly log?: Log; readonly migrations?: readonly Migration[] },
): Promise<void> {
  const { log, migrations = MIGRATIONS } = options;
  const found = (await rows.number.findOne({ _id: SCHEMA }).lean<{ value: number }>())?.value ?? 0;
  if (found > migrations.length) throw new StoreTooNewError("the store in MongoDB", found, migrations.length);
  await noteRecordVersions(rows);
  for (const { number, run } of migrations) {
    if (number <= found) continue;
    await run(connection);
    await rows.number.updateOne({ _id: SCHEMA }, { $max: { value: number } }, { upsert: true });
  }
  if (found < migrations.length) log?.info({ from: found, to: migrations.length }, "store.migrated");
}

/** From now on an older program, which could not read what this one writes, refuses to start. */
async function noteRecordVersions(rows: Collections): Promise<void> {
  const noted = await rows.number
    .find({ _id: { $gte: "record ", $lt: "record!" } })
    .lean<{ _id: string; value: number }[]>();
  const known = new Map(RECORD_KINDS.map((record) => [`record ${record.kind}`, record.version]));
  for (const { _id, value } of noted) {
    const readable = known.get(_id) ?? 0;
    if (value > readable) throw new StoreTooNewError(`${_id.slice("record ".length)} records`, value, readable);
  }
  const newest = new Map(noted.map(({ _id, value }) => [_id, value]));
  for (const [_id, version] of known) {
    if ((newest.get(_id) ?? 0) >= version) continue;
    await rows.number.updateOne({ _id }, { $max: { value: version } }, { upsert: true });
  }
}

async function createIndexes(connection: Connection): Promise<void> {
  for (const [collection, indexes] of Object.entries(INDEXES)) {
    for (const index of indexes) await connection.collection(collection).createIndex({ ...index });
  }
  for (const [collection, field] of EXPIRING) {
    await connection.collection(collection).createIndex({ [field]: 1 }, { expireAfterSeconds: EXPIRED_FOR_SECONDS });
  }
}
