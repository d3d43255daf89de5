import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { keepAsking } from "../fixtures/trials/keep-asking.ts";
import {
  activationIn,
  openProcesses,
  requestRun,
  waitForEnd,
  waitForState,
} from "../fixtures/trials/open-processes.ts";
import { canTrain } from "../fixtures/trials/run-program.ts";
import { EAGER_TRAINING, teachSupport } from "../fixtures/trials/teach-support.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

/** Every process looks at the service record this often, hints or not. */
const ADAPTER_LIVE_MAX_MS = 1000;
const RECOVERED_MAX_MS = 5000;

describe("dashboard and trainer as processes of their own", () => {
  const mongo = useMongoPeer({ isDurable: true });

  test.skipIf(!hasRedis || mongoPeer === undefined || !canTrain)(
    "train in one process what another answers with within a second, also when the trainer is killed (needs redis) (needs mongodb) (needs python)",
    { timeout: 420_000 },
    async () => {
      const { cwd, start } = await openProcesses(EAGER_TRAINING, { MONGODB_URI: mongo.uri() });
      const pages = await start("dashboard");
      const trainer = await start("trainer", { settings: ["trainer.stepsMin=60"] });
      const admin = callApi(() => pages.url, "admin");
      await teachSupport(admin);
      const runId = await requestRun(admin, "support");

      expect(await waitForState(admin, runId, ["training"])).toBe("training");
      await trainer.kill();
      const second = await start("trainer", { settings: ["trainer.stepsMin=60"] });
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

  test.skipIf(!hasRedis)(
    "answer while Redis is away, say so, and are whole again within five seconds (needs redis)",
    { timeout: 180_000 },
    async () => {
      const { redis, start } = await openProcesses(EAGER_TRAINING);
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
