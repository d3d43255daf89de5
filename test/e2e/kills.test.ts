import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import { hasEnded, type RunEvent } from "#core/learning.ts";
import { seededRandom } from "#core/random.ts";
import type { LearningScope } from "#core/scope.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import {
  type Acknowledged,
  gatherPeople,
  nothingAcknowledged,
  unlessGone,
} from "../fixtures/trials/chatting-people.ts";
import { plantAdapters, plantRun, readData } from "../fixtures/trials/data-folder.ts";
import { openServing } from "../fixtures/trials/open-serving.ts";
import { canTrain, makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { type Server, startServer } from "../fixtures/trials/start-server.ts";
import { EAGER_TRAINING, SUPPORT_QUESTIONS, teachSupport } from "../fixtures/trials/teach-support.ts";
import { maxOf, medianOf, tellFigures } from "../fixtures/trials/tell-figures.ts";

const KILLS = Number(process.env["KILLS"] ?? 4);
const SEED = Number(process.env["KILLS_SEED"] ?? 11);
/** Trains on the chat's subject; the domain whose service changes is another, so that both can be told apart. */
const SERVED: LearningScope = { workspaceId: LOCAL_WORKSPACE_ID, audience: "public", domain: "technical" };

/** An answer that was begun is begun again when its lease of 15 s runs out, a run when its of 15 s does. */
const ANSWERED_MAX_MS = 60_000;
const RUN_ENDED_MAX_MS = 240_000;

const PHASES = canTrain
  ? (["chatting", "training", "activating", "reacting"] as const)
  : (["chatting", "activating"] as const);

describe("reactune start", () => {
  test(`loses nothing acknowledged and leaves nothing half made when it is killed ${KILLS} times`, {
    timeout: 360_000 + KILLS * 60_000,
  }, async () => {
    const cwd = makeTrialFolder();
    const data = join(cwd, "data");
    const digests = await plantAdapters(data, SERVED);
    const settings = [...EAGER_TRAINING, "trainer.stepsMin=30"];
    const random = seededRandom(SEED);
    const acknowledged = nothingAcknowledged();
    const service = new ServiceTrial(digests);
    const runs = new Set<string>();
    const startMs: number[] = [];
    let server: Server | undefined;
    const readUrl = () => server?.url ?? "";
    const admin = callApi(readUrl, "admin");
    const people = gatherPeople({ readUrl, count: 3, seed: SEED, questions: SUPPORT_QUESTIONS, acknowledged });

    for (let round = 0; round < KILLS; round++) {
      server = await startServer({ cwd, data, settings });
      startMs.push(server.startMs);
      await service.expectKept(admin);
      if (round === 0) await teachSupport(admin);
      const phase = PHASES[round % PHASES.length];
      const over = new AbortController();
      const chatting = phase === "reacting" ? people.react(over.signal) : people.chat(over.signal);
      const acting = phase === "activating" ? service.change(admin, over.signal).catch(unlessGone) : Promise.resolve();
      if (phase === "training") {
        await sleep(random() * 1000);
        const { status, body } = await admin.call("POST", "/api/training", { domain: "support" });
        expect(status, JSON.stringify(body)).toBe(202);
        runs.add(body.run.id);
        await sleep(random() * 7000);
      }
      if (phase === "activating") await service.waitForChange();
      await sleep(200 + random() * 2500);
      await server.kill();
      over.abort();
      await Promise.all([chatting, acting]);
    }

    server = await startServer({ cwd, data, settings });
    await service.expectKept(admin);
    const recoveredMs = await expectAnswered(people.callers, acknowledged);
    for (const runId of runs) await expectRunEnded(admin, runId);
    await server.stop();
    await expectWhole(data, acknowledged, runs);
    tellFigures("kills", {
      kills: KILLS,
      messagesAcknowledged: acknowledged.asked.size,
      scoresAcknowledged: acknowledged.scores.size,
      repliesSeen: acknowledged.seen.size,
      serviceChanges: service.changes,
      runs: runs.size,
      startMedianMs: medianOf(startMs),
      startMaxMs: maxOf(startMs),
      recoveredMs,
    });
    expect(acknowledged.asked.size).toBeGreaterThan(KILLS);
  });

  test.skipIf(!canTrain)(
    "goes on with a run from its checkpoint when the server, then the trainer, is killed (needs python)",
    { timeout: 360_000 },
    async () => {
      const cwd = makeTrialFolder();
      const data = join(cwd, "data");
      const settings = [...EAGER_TRAINING, "trainer.stepsMin=200"];
      let server = await startServer({ cwd, data, settings });
      const admin = callApi(() => server.url, "admin");
      await teachSupport(admin);
      const { body } = await admin.call("POST", "/api/training", { domain: "support" });
      const runId: string = body.run.id;

      const stepAtKill = await waitForStep(admin, runId, 12);
      await server.kill();
      const killedAtMs = Date.now();
      server = await startServer({ cwd, data, settings });
      const stepResumed = await waitForStep(admin, runId, 1, killedAtMs);
      expect(stepResumed).toBeGreaterThanOrEqual(stepAtKill - 5);
      const resumedMs = Date.now() - killedAtMs;

      const trainerKilledAtMs = Date.now();
      killTrainer(runId);
      expect(await waitForStep(admin, runId, 1, trainerKilledAtMs)).toBeGreaterThanOrEqual(stepResumed - 5);
      expect(await expectRunEnded(admin, runId)).toBe("activated");
      await server.stop();
      const { runs, services } = await readData(data);
      expect(services.map(({ scope, active }) => ({ domain: scope.domain, active }))).toEqual([
        { domain: "support", active: runs.find(({ id }) => id === runId)?.adapterDigest },
      ]);
      tellFigures("training resumed", { stepAtKill, stepResumed, resumedMs });
    },
  );

  test("ends every run that no worker can go on with", { timeout: 120_000 }, async () => {
    const cwd = makeTrialFolder();
    const data = join(cwd, "data");
    const planted = [
      await plantRun(data, { ...SERVED, domain: "support" }, undefined), // killed before it was queued
      await plantRun(data, { ...SERVED, domain: "legal" }, "running"), // killed in each of its attempts
      await plantRun(data, { ...SERVED, domain: "general" }, "failed"), // killed before its record said so
    ];

    const server = await startServer({ cwd, data });

    const admin = callApi(() => server.url, "admin");
    const states = await Promise.all(planted.map((runId) => expectRunEnded(admin, runId, 45_000)));
    expect(states).toEqual(["failed", "failed", "failed"]);
  });

  test("goes on with a conversation whose turn a kill kept from being stored", { timeout: 60_000 }, async () => {
    const serving = await openServing({ data: makeTrialFolder(), settings: ["inference.replyTokensMax=64"] });
    onTestFinished(() => serving.close());
    const { conversationId } = await serving.ask("kitchen", "When does my refund arrive?").turn;
    const { chat } = serving.stores;
    const conversation = await chat.findConversation(conversationId);
    expect(conversation?.turns).toBe(1);
    if (conversation !== undefined) await chat.saveConversation({ ...conversation, turns: 2 });

    const turn = await serving.ask("kitchen", "How do I return an order?").turn;

    expect({ conversationId: turn.conversationId, position: turn.position }).toEqual({ conversationId, position: 1 });
    expect((await chat.findConversation(conversationId))?.turns).toBe(2);
  });
});

/** The step of the newest progress of the training itself that is at least `stepMin` and newer than `sinceMs`. */
function waitForStep(admin: Caller, runId: string, stepMin: number, sinceMs = 0): Promise<number> {
  let last = "nothing yet";
  return waitFor(
    async () => {
      const { body } = await admin.call("GET", `/api/runs/${runId}`);
      last = JSON.stringify(body.events.at(-1));
      const events: readonly RunEvent[] = body.events;
      const progress = events
        .filter(({ atMs }) => atMs > sinceMs)
        .flatMap((event) => (event.progress?.phase === "training" ? [event.progress.step] : []));
      return progress.find((step) => step >= stepMin);
    },
    { maxMs: 120_000, describe: () => `run ${runId} says: ${last}` },
  );
}

/** kill -9 of the Python process that trains this run, and of no other. */
function killTrainer(runId: string): void {
  const processes = execFileSync("ps", ["-A", "-ww", "-o", "pid=,args="], { encoding: "utf8" }).split("\n");
  const pids = processes
    .filter((line) => line.includes("lora_trainer train") && line.includes(runId))
    .map((line) => Number.parseInt(line, 10));
  expect(pids).toHaveLength(1);
  for (const pid of pids) process.kill(pid, "SIGKILL");
}

/** What is in service, changed without pause; the record must be one of the states that were asked for. */
class ServiceTrial {
  readonly #digests: readonly string[];
  /** After the last change that was answered, or what a change without an answer may have made of it. */
  #possible: ReadonlySet<string> = new Set(["base"]);
  changes = 0;

  constructor(digests: readonly string[]) {
    this.#digests = digests;
  }

  async change(admin: Caller, signal: AbortSignal): Promise<void> {
    const [first = "", second = ""] = this.#digests;
    await this.#act(admin, `/api/adapters/${first}/activate`, first);
    while (!signal.aborted) {
      await this.#act(admin, `/api/adapters/${second}/activate`, second);
      await this.#act(admin, "/api/domains/technical/rollback", first);
    }
  }

  async waitForChange(): Promise<void> {
    const before = this.changes;
    await waitFor(async () => (this.changes > before ? true : undefined), {
      maxMs: 30_000,
      describe: () => "the service did not change",
    });
  }

  async expectKept(admin: Caller): Promise<void> {
    const { body } = await admin.call("GET", "/api/readiness");
    const view = body.readiness.find(({ domain }: { domain: string }) => domain === "technical");
    expect([...this.#possible]).toContain(view.service.adapter?.digest ?? "base");
  }

  async #act(admin: Caller, path: string, wanted: string): Promise<void> {
    this.#possible = new Set([...this.#possible, wanted]);
    const { status, body } = await admin.call("POST", path, {});
    if (status !== 200) throw new Error(`Cannot change the service: ${status} ${JSON.stringify(body)}`);
    this.#possible = new Set([wanted]);
    this.changes++;
  }
}

async function expectAnswered(callers: readonly Caller[], { asked }: Acknowledged): Promise<number> {
  const startedAtMs = Date.now();
  let missing: readonly string[] = [];
  await waitFor(
    async () => {
      const lists = await Promise.all(callers.map((caller) => caller.readTurns()));
      const ended = new Set(
        lists.flatMap((turns) => [...turns]).flatMap(([id, [turn]]) => (turn?.status === "streaming" ? [] : [id])),
      );
      missing = [...asked.keys()].filter((id) => !ended.has(id));
      return missing.length === 0 ? true : undefined;
    },
    { maxMs: ANSWERED_MAX_MS, everyMs: 300, describe: () => `${missing.length} messages have no answer: ${missing}` },
  );
  return Date.now() - startedAtMs;
}

async function expectRunEnded(admin: Caller, runId: string, maxMs = RUN_ENDED_MAX_MS): Promise<string> {
  let state = "";
  await waitFor(
    async () => {
      const { status, body } = await admin.call("GET", `/api/runs/${runId}`);
      expect(status).toBe(200);
      state = body.run.state;
      return body.run.hasEnded ? true : undefined;
    },
    { maxMs, everyMs: 500, describe: () => `run ${runId} is ${state}` },
  );
  return state;
}

/** Looks at the records themselves, after the program has ended. */
async function expectWhole(data: string, acknowledged: Acknowledged, runs: ReadonlySet<string>): Promise<void> {
  const records = await readData(data);
  for (const [messageId, text] of acknowledged.asked) {
    const turns = records.turns.filter(({ messages }) => messages.some((message) => message.messageId === messageId));
    expect(turns.map(({ question, status }) => ({ question, isEnded: status !== "streaming" }))).toEqual([
      { question: text, isEnded: true },
    ]);
  }
  expect(records.events.filter(({ state }) => state !== "done")).toEqual([]);
  const replies = new Map(records.turns.map(({ id, reply }) => [id, reply]));
  for (const [turnId, reply] of acknowledged.seen) expect(replies.get(turnId), `reply of ${turnId}`).toBe(reply);
  const scores = new Map(records.feedback.map(({ turnId, score }) => [turnId, score]));
  for (const [turnId, possible] of acknowledged.scores) {
    expect([...possible], `score of ${turnId}`).toContain(scores.get(turnId));
  }
  for (const { id, turns } of records.conversations) {
    const positions = records.turns.filter((turn) => turn.conversationId === id).map(({ position }) => position);
    expect(
      positions.toSorted((a, b) => a - b),
      `turns of conversation ${id}`,
    ).toEqual(positions.map((_, index) => index));
    expect(turns).toBe(positions.length);
  }
  const known = new Set(records.adapters.map(({ digest }) => digest));
  for (const { active, previous } of records.services) {
    for (const digest of [active, previous]) if (digest !== undefined) expect([...known]).toContain(digest);
  }
  for (const run of records.runs) {
    if (runs.has(run.id)) expect(hasEnded(run.state), `${run.id} is ${run.state}`).toBe(true);
    if (run.state === "activated") expect([...known]).toContain(run.adapterDigest);
  }
}
