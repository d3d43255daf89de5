import { setTimeout as sleep } from "node:timers/promises";
import type { Connection, Model } from "mongoose";
import type { Conversation } from "#core/conversation.ts";
import { ImportInvalidError, StoreBusyError } from "#core/errors.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { Archive } from "#store/archive.ts";
import type { Lease, Leases } from "#store/lease.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import { exportRecords } from "./archive-export.ts";
import { type AsideRow, layAside, openAside, pagesOf } from "./archive-import.ts";
import type { Collections, TurnRow } from "./collections.ts";
import type { Erasing } from "./erasing.ts";
import { rebuildFigures } from "./rebuild.ts";
import { recordsOf } from "./record-list.ts";
import { insertRows, nextOrder } from "./records.ts";
import { raiseRevision } from "./settings.ts";
import type { Settling } from "./settle.ts";
import { stateOf } from "./turn-writer.ts";

const IMPORTING = "import";
const LEASE = "archive import";
/** Renewed while an import runs: whoever comes after one that was killed waits no longer than this to end it. */
const LEASE_MS = 30_000;
const RENEW_MS = 5000;
const TRY_MS = 500;
/** A turn that was erased here before the import, whose words the file may still have. */
const ERASED_HERE = "erased here";

interface Parts {
  readonly connection: Connection;
  readonly cache: SemanticCache;
  readonly erasing: Erasing;
  readonly settling: Settling;
  readonly leases: Leases;
  readonly now: () => number;
}

export interface MongoArchive extends Archive {
  /** Ends an import that was killed after its last line was checked. To be called at every start. */
  resumeImport(): Promise<void>;
}

/**
 * Every record, like the other stores' archives. There is no transaction to import in: all lines are checked and laid aside first, and
 * from then on the import is always brought to its end, by the next start if need be.
 */
export function mongoArchive(rows: Collections, parts: Parts): MongoArchive {
  const { connection, leases, now } = parts;
  const aside = openAside(connection);

  async function alone<T>(run: () => Promise<T>): Promise<T> {
    const lease = await acquire();
    const renewing = setInterval(() => {
      leases.renew(lease, LEASE_MS, now()).catch(() => {}); // away: the next try is soon enough
    }, RENEW_MS);
    try {
      return await run();
    } finally {
      clearInterval(renewing);
      await leases.release(lease);
    }
  }

  async function acquire(): Promise<Lease> {
    const [holder, startedAt] = [nextOrder(), performance.now()];
    for (;;) {
      const lease = await leases.acquire(LEASE, holder, LEASE_MS, now());
      if (lease !== undefined) return lease;
      const busyMs = Math.round(performance.now() - startedAt);
      if (busyMs > LEASE_MS + RENEW_MS) throw new StoreBusyError(busyMs);
      await sleep(TRY_MS);
    }
  }

  async function end(): Promise<void> {
    await takeOver(rows, aside, parts);
    await rows.number.deleteOne({ _id: IMPORTING });
    await aside.deleteMany({});
  }

  return {
    exportLines: () => exportRecords(rows, now()),
    importLines: (lines, { replace }) =>
      alone(async () => {
        if (!replace) await refuseUnlessEmpty(rows);
        const counts = await layAside(rows, aside, lines);
        if (!replace) await refuseUnlessEmpty(rows);
        await noteErased(rows, aside);
        await rows.number.updateOne({ _id: IMPORTING }, { $set: { value: 1 } }, { upsert: true });
        await end();
        return counts;
      }),
    async resumeImport() {
      if ((await rows.number.exists({ _id: IMPORTING })) === null) return;
      await alone(end);
    },
  };
}

async function refuseUnlessEmpty(rows: Collections): Promise<void> {
  for (const { model, table } of recordsOf(rows)) {
    if ((await model.exists({})) === null) continue;
    const found = `it has a ${table.record.kind}`;
    throw new ImportInvalidError(1, `the store is not empty (${found}) and was not to be replaced`);
  }
}

/** What was erased one by one or by its age is in no record but the turn itself. */
async function noteErased({ turnRow }: Collections, aside: Model<AsideRow>): Promise<void> {
  for await (const { _id } of turnRow.find({ is_erased: 1 }, { _id: 1 }).lean<Pick<TurnRow, "_id">[]>().cursor()) {
    await aside.create({
      _id: `${ERASED_HERE} ${_id}`,
      key: `${ERASED_HERE} ${_id}`,
      kind: ERASED_HERE,
      line: 0,
      turn: _id,
      record: "",
    });
  }
}

async function takeOver(rows: Collections, aside: Model<AsideRow>, parts: Parts): Promise<void> {
  await clear(rows, parts.cache);
  for (const { table } of recordsOf(rows)) {
    for await (const page of pagesOf(aside, { kind: table.record.kind }))
      await insertPage(rows, aside, table.name, page);
  }
  await raiseRevision(rows);
  await rebuildFigures(rows, parts.settling);
  for (const deletion of await rows.deletion.list({})) {
    await parts.erasing.erasePerson({ ...deletion, untilMs: deletion.atMs });
  }
  for (const place of await rows.erasedPlace.list({})) {
    await parts.erasing.erasePlace({ ...place, untilMs: place.atMs });
  }
  for await (const page of pagesOf(aside, { kind: ERASED_HERE })) {
    await parts.erasing.eraseTurns(page.flatMap(({ turn }) => turn ?? []));
  }
  await rebuildFigures(rows, parts.settling);
}

/** Deletions stay: whoever restores an older export must still erase those people's words from it. */
async function clear(rows: Collections, cache: SemanticCache): Promise<void> {
  const kept: readonly string[] = [rows.deletion.table.name, rows.erasedPlace.table.name];
  for (const { model, table } of recordsOf(rows)) if (!kept.includes(table.name)) await model.deleteMany({});
  await rows.vector.deleteMany({});
  await cache.clear();
}

async function insertPage(
  rows: Collections,
  aside: Model<AsideRow>,
  name: string,
  page: readonly AsideRow[],
): Promise<void> {
  const records = page.map(({ record }) => JSON.parse(record) as unknown);
  if (name === rows.turn.table.name) {
    const states = await statesOf(rows, aside, records as readonly Turn[]);
    await insertRows(rows.turnRow, states);
  } else if (name === rows.conversation.table.name) {
    const conversations = records as readonly Conversation[];
    const found = conversations.map((one) => ({
      ...rows.conversation.rowOf(one),
      rev: 1,
      is_erased: one.title === "" ? 1 : 0,
    }));
    await insertRows(rows.conversation.model, found);
  } else {
    const one = recordsOf(rows).find(({ table }) => table.name === name);
    const isKept = name === rows.deletion.table.name || name === rows.erasedPlace.table.name;
    if (isKept) for (const record of records) await one?.save(record);
    else if (one !== undefined) await insertRows(one.model, records.map(one.rowOf));
  }
}

/** The flag that keeps words away is not in the records: it follows from what they lack. */
async function statesOf(rows: Collections, aside: Model<AsideRow>, turns: readonly Turn[]) {
  const ids = turns.map((turn) => rows.turn.table.idOf(turn));
  const given = await aside.find({ kind: "feedback", turn: { $in: ids } }).lean<AsideRow[]>();
  const byTurn = new Map<string | null, Feedback[]>();
  for (const { turn, record } of given) byTurn.set(turn, [...(byTurn.get(turn) ?? []), JSON.parse(record) as Feedback]);
  return turns.map((turn) => {
    const feedback = byTurn.get(rows.turn.table.idOf(turn)) ?? [];
    const isErased = turn.status === "deleted" && turn.question === "" && turn.reply === "";
    return { ...stateOf(rows, turn, feedback, isErased), rev: 1, is_rated: 0, rated_rev: 0 };
  });
}
