import { join } from "node:path";
import { benchActivation } from "#commands/bench-activation.ts";
import type { BenchRow } from "#commands/bench-figures.ts";
import { benchStart } from "#commands/bench-start.ts";
import { benchStore } from "#commands/bench-store.ts";
import { programDirectory } from "#config/load.ts";
import { localScope } from "./all.ts";
import { TINY_SHAPE, writeBenchAdapter } from "./bench-adapter-file.ts";
import type { BenchWorld } from "./bench-parts.ts";
import { newId } from "./identity.ts";
import { openChat } from "./open-chat.ts";
import { openStores } from "./open-stores.ts";
import { openTrainer } from "./open-trainer.ts";

const DOMAIN = "support";
const QUESTION = "How do I cancel my order and get a refund for the shipment?";

/** The whole answering path on the tiny model, with two adapters to change between. */
export async function activationRows(
  { directory, config, log }: BenchWorld,
  rounds: number,
): Promise<readonly BenchRow[]> {
  const { createLocalConnector } = await import("#bots/local/local-connector.ts");
  const localChat = createLocalConnector({ now: Date.now, newId });
  const stores = await openStores(config, log);
  const chat = await openChat(config, stores, [localChat], log);
  const trainer = openTrainer(config, stores, async () => chat.opened, log);
  try {
    const makeAdapter = async (seed: number) => {
      const path = join(directory, `bench-${seed}.gguf`);
      const { digest, bytes } = await writeBenchAdapter(path, TINY_SHAPE, seed);
      await stores.files.put(path);
      await stores.learning.saveAdapter({
        digest,
        name: `reactune-${DOMAIN}-bench-${digest.slice(0, 8)}`,
        baseDigest: chat.opened.base.digest,
        scope: localScope(DOMAIN),
        runId: `bench-${seed}`,
        datasetHash: digest,
        bytes,
        grade: "C",
        state: "candidate",
        createdAtMs: Date.now(),
      });
      return digest;
    };
    const figures = await benchActivation({
      activate: trainer.activate,
      serving: chat.opened,
      localChat,
      chat: stores.chat,
      scope: localScope(DOMAIN),
      question: QUESTION,
      digests: [await makeAdapter(1), await makeAdapter(2)],
      rounds,
    });
    const note = (maxMs: number) => `median of ${rounds}, at most ${Math.ceil(maxMs)} ms; tiny model`;
    const row = (measured: string, value: number, maxMs: number, goalMs?: number): BenchRow => ({
      bench: "activation",
      measured,
      value,
      unit: "ms",
      ...(goalMs === undefined ? {} : { goal: { max: goalMs } }),
      note: note(maxMs),
    });
    return [
      row("activateAdapter(): load, warm up, record", figures.activateMsMedian, figures.activateMsMax),
      row("then a new conversation has its whole reply", figures.answeredMsMedian, figures.answeredMsMax, 500),
      row("rollBackAdapter()", figures.rollBackMsMedian, figures.rollBackMsMax, 1000),
      row(
        "then a new conversation has its whole reply by the old",
        figures.rolledBackAnsweredMsMedian,
        figures.rolledBackAnsweredMsMax,
      ),
      {
        bench: "activation",
        measured: "conversations begun after a change and answered by what was before",
        value: figures.answeredByOld,
        unit: "",
        goal: { max: 0 },
      },
    ];
  } finally {
    await trainer.close();
    await chat.close();
    await stores.close();
  }
}

/** Real processes, on whatever set-up has installed. */
export async function startRows({ directory }: BenchWorld, rounds: number): Promise<readonly BenchRow[]> {
  const figures = await benchStart({
    args: [
      join(programDirectory, "dist", "main.js"),
      ...["--data", directory, "--port", "0", "--log-level", "error", "start"],
    ],
    serverFile: join(directory, "server.json"),
    rounds,
  });
  return [
    {
      bench: "start",
      measured: "node dist/main.js start until / and /readyz answer 200",
      value: figures.usableMsMedian,
      unit: "ms",
      goal: { max: 4000 },
      note: `median of ${rounds} processes, at most ${Math.ceil(figures.usableMsMax)} ms`,
    },
    {
      bench: "start",
      measured: "processor time until then, children included",
      value: figures.processorMsMedian,
      unit: "ms",
      note: "holds on a busy machine",
    },
    { bench: "start", measured: "stop on SIGTERM", value: figures.stopMsMedian, unit: "ms" },
  ];
}

const SCORES_MAX = 100_000;
const CACHE_ENTRIES = 5000;
const DIMENSIONS = 384;

/** A database of so many turns, and a hundredth of it beside: what is asked often must cost the same in both. */
export async function storeRows(world: BenchWorld, turns: number): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const count of [Math.max(1000, Math.round(turns / 100)), turns]) {
    const stores = await openStores(
      { ...world.config, data: { directory: join(world.directory, `${count}`) } },
      world.log,
    );
    try {
      const figures = await benchStore(stores, {
        turns: count,
        scores: Math.min(SCORES_MAX, Math.round(count / 10)),
        cacheEntries: CACHE_ENTRIES,
        dimensions: DIMENSIONS,
        nowMs: Date.now(),
      });
      const row = (measured: string, value: number, note?: string): BenchRow => ({
        bench: "store",
        measured: `${count.toLocaleString("en")} turns: ${measured}`,
        value,
        unit: "ms",
        ...(note === undefined ? {} : { note }),
      });
      const latency = (name: string, { p50Ms, p95Ms }: { readonly p50Ms: number; readonly p95Ms: number }) =>
        row(name, p50Ms, `median; p95 ${p95Ms.toFixed(2)} ms`);
      rows.push(
        row("import", figures.importMs),
        latency("readiness counts", figures.readCounts),
        latency("save a turn", figures.saveTurn),
        latency("save a score", figures.putFeedback),
        latency("history of a conversation", figures.listHistory),
        latency("page of 500 rated turns", figures.pageOf500RatedTurns),
        latency(`cache of ${figures.cacheEntries}: exact`, figures.cacheGet),
        latency(`cache of ${figures.cacheEntries}: nearest`, figures.cacheFindNearest),
      );
    } finally {
      await stores.close();
    }
  }
  return rows;
}
