import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import { openSqliteStore, type SqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { SCOPE, sampleMessage, sampleTurn } from "../../../contract/sample-records.ts";
import { type Acknowledgement, useWriter, type Writer } from "../../../fixtures/store/start-writer.ts";
import { makeTempFolder, openTempStore } from "./temp-store.ts";

const ROUNDS = Number(process.env["SOAK_ROUNDS"] ?? 4);
const SEED = Number(process.env["SOAK_SEED"] ?? 7);

/** Mulberry32: small, and the same on every machine. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("openSqliteStore() in several processes", () => {
  const startWriter = useWriter();

  test("keeps every acknowledged write when its process is killed", { timeout: 30_000 + ROUNDS * 5000 }, async () => {
    const random = seededRandom(SEED);
    const path = join(makeTempFolder(), "reactune.db");
    const newest = new Map<string, Acknowledgement>();
    let writes = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const writer = startWriter(path, "write", `${round}`);
      await vi.waitFor(() => expect(writer.acknowledged.length).toBeGreaterThan(0), { timeout: 10_000, interval: 5 });
      await sleep(random() * 250);
      writer.process.kill("SIGKILL");
      await writer.ended;
      for (const told of writer.acknowledged) newest.set(`${told.what} ${told.id}`, told);
      writes += writer.acknowledged.length;

      const store = openSqliteStore({ path, now: Date.now });
      for (const told of newest.values()) expect(await isKept(store, told), JSON.stringify(told)).toBe(true);
      await expectCountsToBeRight(store);
      store.close();
    }
    // A machine that does other work too writes little in 250 ms, since each write waits for its own flush.
    expect(writes).toBeGreaterThan(ROUNDS * 2);
  });

  test("makes a new file once when several processes start together", { timeout: 30_000 }, async () => {
    const writers = await startTogether(join(makeTempFolder(), "reactune.db"), ["one", "two", "three", "four"]);

    expect(writers.map(({ acknowledged }) => acknowledged.at(-1)?.what)).toEqual(writers.map(() => "done"));
  });

  test("gives each event and each lease to one process only, and loses no count", { timeout: 60_000 }, async () => {
    const path = join(makeTempFolder(), "reactune.db");
    const store = openTempStore(path);
    const ids = Array.from({ length: 60 }, (_, index) => `e${index}`);
    await store.chat.saveTurn(sampleTurn({ id: "shared" }));
    for (const [index, id] of ids.entries()) await store.chat.acceptEvent(id, sampleMessage(), index);

    const writers = await startTogether(path, ["one", "two", "three"]);

    const told = writers.flatMap(({ acknowledged }) => acknowledged);
    const idsOf = (what: Acknowledgement["what"]) => told.filter((one) => one.what === what).map(({ id }) => id);
    expect(idsOf("claim").sort()).toEqual([...ids].sort());
    expect(new Set(idsOf("lease")).size).toBe(100);
    expect(idsOf("lease")).toHaveLength(100);
    const counts = { messages: 122, feedback: 60, raters: 60, examples: 1 };
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject(counts);
    await expectCountsToBeRight(store);
  });

  /** Lets them go when all have opened the file; resolves when all have ended. */
  async function startTogether(path: string, names: readonly string[]): Promise<readonly Writer[]> {
    const writers = names.map((name) => startWriter(path, "claim", name));
    const untilReady = () => {
      for (const { acknowledged } of writers) expect(acknowledged).toHaveLength(1);
    };
    await vi.waitFor(untilReady, { timeout: 20_000, interval: 10 });
    for (const writer of writers) writer.process.stdin?.end("go");
    await Promise.all(writers.map(({ ended }) => ended));
    return writers;
  }
});

/** The record is there with what was acknowledged, or with a later write that was not told any more. */
async function isKept({ chat, learning }: SqliteStore, { what, id, value }: Acknowledgement): Promise<boolean> {
  if (what === "turn") return Number((await chat.findTurn(id))?.reply) >= value;
  if (what === "score") return Number((await chat.listFeedback(id))[0]?.comment) >= value;
  if (what === "delivery") return ((await chat.listDeliveries(id))[0]?.changedAtMs ?? -1) >= value;
  if (what === "service") return ((await learning.getService(SCOPE))?.epoch ?? 0) >= value;
  return !(await chat.acceptEvent(id, sampleMessage(), 0));
}

async function expectCountsToBeRight({ learning }: SqliteStore): Promise<void> {
  const read = () =>
    Promise.all([ALL_DOMAINS, "support", "legal"].map((domain) => learning.readCounts({ ...SCOPE, domain }, 0)));
  const kept = await read();
  await learning.rebuildCounts();
  expect(await read()).toEqual(kept);
}
