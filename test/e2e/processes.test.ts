import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { ollamaProgram, startTestOllama } from "../fixtures/ollama/ollama-under-test.ts";
import { startRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { canTrain, makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { type Server, startServer } from "../fixtures/trials/start-server.ts";
import { EAGER_TRAINING, SUPPORT_QUESTIONS, teachSupport } from "../fixtures/trials/teach-support.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const REDIS_PROGRAM = "redis-server";
const hasRedis = spawnSync(REDIS_PROGRAM, ["--version"]).status === 0 || process.env["CI"] !== undefined;
/** Every process looks at the service record this often, hints or not. */
const ADAPTER_LIVE_MAX_MS = 1000;
const RECOVERED_MAX_MS = 5000;
const RUN_ENDED_MAX_MS = 240_000;
const ASK_EVERY_MS = 500;
const SETTINGS = ["operations.port=0", ...EAGER_TRAINING];

describe("dashboard and trainer as processes of their own", () => {
  const mongo = useMongoPeer({ isDurable: true });

  test.skipIf(!hasRedis || mongoPeer === undefined || !canTrain)(
    "train in one process what another answers with within a second, also when the trainer is killed (needs redis) (needs mongodb) (needs python)",
    { timeout: 420_000 },
    async () => {
      const { cwd, start } = await openProcesses({ MONGODB_URI: mongo.uri() });
      const pages = await start("dashboard");
      const trainer = await start("trainer", ["trainer.stepsMin=60"]);
      const admin = callApi(() => pages.url, "admin");
      await teachSupport(admin);
      const { status, body } = await admin.call("POST", "/api/training", { domain: "support" });
      expect(status, JSON.stringify(body)).toBe(202);
      const runId: string = body.run.id;

      await waitForState(admin, runId, "training");
      await trainer.kill();
      const second = await start("trainer", ["trainer.stepsMin=60"]);
      const asking = keepAsking(callApi(() => pages.url, "customer"));
      expect(await waitForEnd(admin, runId), cwd).toBe("activated");
      const activatedAtMs = activationIn(second);
      await sleep(ADAPTER_LIVE_MAX_MS + 3000);
      const turns = await asking.end();

      const later = turns.filter(({ askedAtMs }) => askedAtMs > activatedAtMs + ADAPTER_LIVE_MAX_MS);
      expect(later.length).toBeGreaterThan(0);
      expect(later.filter(({ hasAdapter }) => !hasAdapter)).toEqual([]);
      const firstLearned = Math.min(...turns.filter(({ hasAdapter }) => hasAdapter).map(({ askedAtMs }) => askedAtMs));
      tellFigures("adapter live in another process", { firstAskedWithItAfterMs: firstLearned - activatedAtMs });
      await second.stop();
      await pages.stop();
    },
  );

  test.skipIf(!hasRedis || mongoPeer === undefined || ollamaProgram === undefined || !canTrain)(
    "turn the whole loop in three processes with Ollama answering (needs redis) (needs mongodb) (needs ollama) (needs python)",
    { timeout: 420_000 },
    async () => {
      const ollama = await startTestOllama({ modelsDirectory: makeTrialFolder() });
      onTestFinished(() => ollama.stop());
      const { cwd, start } = await openProcesses({ MONGODB_URI: mongo.uri(), OLLAMA_HOST: ollama.url });
      const [pages, trainer, bots] = await Promise.all([
        start("dashboard"),
        start("trainer", ["trainer.stepsMin=30"]),
        start("bots"),
      ]);
      const admin = callApi(() => pages.url, "admin");
      await teachSupport(admin);
      const { status, body } = await admin.call("POST", "/api/training", { domain: "support" });
      expect(status, JSON.stringify(body)).toBe(202);
      expect(await waitForEnd(admin, body.run.id), cwd).toBe("activated");
      await sleep(ADAPTER_LIVE_MAX_MS);
      const asking = keepAsking(callApi(() => pages.url, "customer"));
      await sleep(3000);
      const turns = await asking.end();

      expect(turns.length).toBeGreaterThan(0);
      expect(turns.filter(({ hasAdapter }) => !hasAdapter)).toEqual([]);
      const { models } = z
        .object({ models: z.array(z.object({ name: z.string() })) })
        .parse(await (await fetch(new URL("/api/tags", ollama.url))).json());
      expect(models.map(({ name }) => name).toSorted()).toEqual([
        expect.stringMatching(/^reactune-[0-9a-f]{12}/),
        expect.stringMatching(/^reactune-base-[0-9a-f]{12}/),
      ]);
      for (const process of [bots, trainer, pages]) await process.stop();
    },
  );

  test.skipIf(!hasRedis)(
    "answer while Redis is away, say so, and are whole again within five seconds (needs redis)",
    { timeout: 180_000 },
    async () => {
      const { redis, start } = await openProcesses();
      const pages = await start("dashboard");
      const person = callApi(() => pages.url, "ana");
      const readReady = async () => (await person.call("GET", "/readyz")).body;
      await expectAnswer(person, "ask-before-1", "What is a refund?");
      await expectAnswer(person, "ask-before-2", "What is a refund?");
      expect(await cacheOf(person, "ask-before-2")).toBe("exact");
      expect(await readReady()).toEqual({ isReady: true });

      await redis.kill();
      await expectAnswer(person, "ask-without-1", "What is a refund?");
      expect(await cacheOf(person, "ask-without-1")).toBe("none");
      expect(await readReady()).toMatchObject({ isReady: true, problem: expect.stringContaining("Redis") });

      await redis.start();
      const backAtMs = Date.now();
      await waitFor(async () => ((await readReady()).problem === undefined ? true : undefined), {
        maxMs: RECOVERED_MAX_MS,
        describe: () => "Redis is back and the program does not know",
      });
      const recoveredMs = Date.now() - backAtMs;
      await expectAnswer(person, "ask-after-1", "What is a refund?");
      await expectAnswer(person, "ask-after-2", "What is a refund?");
      expect(await cacheOf(person, "ask-after-2")).toBe("exact");
      tellFigures("Redis away and back", { recoveredMs });
      await pages.stop();
    },
  );
});

async function openProcesses(environment: Readonly<Record<string, string>> = {}) {
  const redis = await startRedis();
  const cwd = makeTrialFolder();
  const start = (command: "dashboard" | "trainer" | "bots", settings: readonly string[] = []): Promise<Server> =>
    startServer({
      cwd,
      // With MongoDB each process is as on a machine of its own.
      data: join(cwd, "MONGODB_URI" in environment ? command : "data"),
      command,
      settings: [...SETTINGS, ...settings],
      environment: { REDIS_URL: redis.url, ...environment },
    });
  return { redis, cwd, start };
}

async function waitForState(admin: Caller, runId: string, wanted: string): Promise<void> {
  let state = "";
  await waitFor(
    async () => {
      state = (await admin.call("GET", `/api/runs/${runId}`)).body.run.state;
      return state === wanted ? true : undefined;
    },
    { maxMs: RUN_ENDED_MAX_MS, describe: () => `run ${runId} is ${state}` },
  );
}

async function waitForEnd(admin: Caller, runId: string): Promise<string> {
  let state = "";
  await waitFor(
    async () => {
      const { run } = (await admin.call("GET", `/api/runs/${runId}`)).body;
      state = run.state;
      return run.hasEnded ? true : undefined;
    },
    { maxMs: RUN_ENDED_MAX_MS, describe: () => `run ${runId} is ${state}` },
  );
  return state;
}

function activationIn(server: Server): number {
  for (const line of server.log().split("\n")) {
    if (line.startsWith("{") && line.includes('"service.changed"')) return Date.parse(JSON.parse(line).time);
  }
  throw new Error(`the trainer's log tells of no activation\n${server.log().slice(-2000)}`);
}

interface Asked {
  readonly askedAtMs: number;
  readonly question: string;
  readonly hasAdapter: boolean;
}

/** A question every `ASK_EVERY_MS`, each in a conversation of its own. */
function keepAsking(person: Caller) {
  const stop = new AbortController();
  const messageIds: string[] = [];
  const asking = (async () => {
    for (let index = 0; !stop.signal.aborted; index++) {
      const text = `${SUPPORT_QUESTIONS[index % SUPPORT_QUESTIONS.length]} (${index})`;
      const { body } = await person.call("POST", "/api/messages", { text, clientMessageId: `keep-asking-${index}` });
      messageIds.push(String(body.messageId));
      await sleep(ASK_EVERY_MS);
    }
  })();
  asking.catch(() => {}); // told by end(), where the test gets that far
  return {
    /** Those of the domain that is trained, when every question has its answer. */
    async end(): Promise<readonly Asked[]> {
      stop.abort();
      await asking;
      return waitFor(
        async () => {
          const byMessage = await person.readTurns();
          const turns = messageIds.map((messageId) => byMessage.get(messageId)?.[0]);
          const answered = turns.filter((turn) => turn !== undefined && turn.status !== "streaming");
          if (answered.length < messageIds.length) return undefined;
          return answered.flatMap((turn) =>
            turn?.domain.domain === "support"
              ? [{ askedAtMs: turn.askedAtMs, question: turn.question, hasAdapter: turn.adapter !== undefined }]
              : [],
          );
        },
        { maxMs: 60_000, everyMs: 1000, describe: () => `not all of ${messageIds.length} questions have an answer` },
      );
    },
  };
}

async function expectAnswer(person: Caller, clientMessageId: string, text: string): Promise<void> {
  const { status, body } = await person.call("POST", "/api/messages", { text, clientMessageId });
  expect(status, JSON.stringify(body)).toBe(202);
  await waitFor(
    async () => {
      const [turn] = (await person.readTurns()).get(body.messageId) ?? [];
      return turn?.status === "complete" ? true : undefined;
    },
    { maxMs: 30_000, describe: () => `${clientMessageId} has no answer` },
  );
  asked.set(clientMessageId, body.messageId);
}

const asked = new Map<string, string>();

async function cacheOf(person: Caller, clientMessageId: string): Promise<string | undefined> {
  const [turn] = (await person.readTurns()).get(asked.get(clientMessageId) ?? "") ?? [];
  return turn?.cache.hit;
}
