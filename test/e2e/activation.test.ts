import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { activateAdapter, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { plantAdapters } from "../fixtures/trials/data-folder.ts";
import { type Judge, openJudge } from "../fixtures/trials/open-judge.ts";
import { type Asked, openServing, type Serving } from "../fixtures/trials/open-serving.ts";
import { makeTrialFolder, runProgram, TINY_MODEL } from "../fixtures/trials/run-program.ts";
import { maxOf, medianOf, tellFigures } from "../fixtures/trials/tell-figures.ts";

const ROUNDS = Number(process.env["ACTIVATIONS"] ?? 2);
const STREAMS = 20;
const REPLY_TOKENS_MAX = 128;
const NEW_CONVERSATION_MAX_MS = 500;
const ROLL_BACK_MAX_MS = 1000;
const OTHER_PROCESS_MAX_MS = 1000;
const SCOPE: LearningScope = { workspaceId: LOCAL_WORKSPACE_ID, audience: "public", domain: "support" };
const ACT = { by: "trial", reason: "trial" };
/** All of domain support by their keywords. */
const CANDIDATES = [
  "When does my refund arrive?",
  "How do I return an order?",
  "Where is my invoice?",
  "How long does a refund take?",
  "How do I pay my invoice?",
  "Can I change my order?",
  "Is there a refund for a broken order?",
  "Cancel my order please",
];
/** Two tokens nearer than this are equally likely: which of them comes first hangs on who else is answered. */
const TIE_MAX = 0.02;
/** Greedy, so that an arm has one text per question; every stream has a place of its own; nothing comes from the cache. */
const SETTINGS = [
  "inference.temperature=0",
  "inference.repeatPenalty=1",
  `inference.replyTokensMax=${REPLY_TOKENS_MAX}`,
  "inference.contextTokens=512",
  `inference.parallelStreams=${STREAMS}`,
  "cache.enabled=false",
  "conversation.messagesPerMinuteMax=1000",
];

interface Harm {
  readonly dropped: number;
  readonly cut: number;
  readonly mixed: number;
}

describe("activateAdapter() while people chat", () => {
  const cleanUps: (() => Promise<void> | void)[] = [];
  let serving: Serving;
  let cwd: string;
  let adapters: readonly string[];
  let channels = 0;
  let judge: Judge;
  /** Replies that were not word for word what their arm says alone. */
  let judged = 0;
  /** What each arm says to each question when nobody else asks. */
  const wanted = new Map<string, string>();
  /** Those that every arm answers at length, so that all streams run when an adapter is activated. */
  let questions: readonly string[] = CANDIDATES;
  beforeAll(async () => {
    const atEnd = (cleanUp: () => Promise<void> | void) => cleanUps.unshift(cleanUp);
    cwd = makeTrialFolder(atEnd);
    const data = join(cwd, "data");
    mkdirSync(data);
    adapters = await plantAdapters(data, SCOPE);
    serving = await openServing({ data, settings: SETTINGS });
    atEnd(() => serving.close());
    judge = await openJudge();
    atEnd(() => judge.close());
    for (const digest of adapters) {
      await activate(digest);
      for (const question of CANDIDATES) {
        const turn = await ask(question).turn;
        wanted.set(`${digest} ${question}`, turn.reply);
        if (turn.provenance.endedBy !== "length") questions = questions.filter((other) => other !== question);
      }
    }
    expect(questions.length).toBeGreaterThanOrEqual(3);
  }, 120_000);
  afterAll(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  /** In a conversation of its own unless told otherwise. */
  function ask(question: string, channelId = `channel-${channels++}`): Asked {
    return serving.ask(channelId, question);
  }

  function questionAt(index: number): string {
    return questions[index % questions.length] ?? "";
  }

  async function activate(digest: string): Promise<number> {
    const startedAtMs = Date.now();
    await activateAdapter(serving.activate, serving.chat.opened, digest, ACT);
    const totalMs = Date.now() - startedAtMs;
    await serving.chat.services.refresh();
    return totalMs;
  }

  /** Is it the greedy text of this arm, all of it? Ties are settled by the judge. */
  async function isOwnText({ question, reply, provenance }: Turn, digest: string): Promise<boolean> {
    if (reply === wanted.get(`${digest} ${question}`)) return true;
    judged += 1;
    const prompt = await serving.encodeQuestion(question);
    return (await judge.shortfall(adapterPath(digest), prompt, reply, provenance.endedBy === "stop")) <= TIE_MAX;
  }

  function adapterPath(digest: string): string {
    return join(cwd, "data", "adapters", `${digest}.gguf`);
  }

  async function countHarm(turns: readonly Turn[], digest: string): Promise<Harm> {
    const harm = { dropped: 0, cut: 0, mixed: 0 };
    for (const turn of turns) {
      const { endedBy, replyTokens } = turn.provenance;
      const isWhole = endedBy === "stop" || (endedBy === "length" && replyTokens === REPLY_TOKENS_MAX);
      if (turn.status !== "complete") harm.dropped += 1;
      else if (!isWhole) harm.cut += 1;
      else if (turn.arm.adapterDigest !== digest || !(await isOwnText(turn, digest))) harm.mixed += 1;
    }
    return harm;
  }

  async function expectOwnText(turn: Turn, digest: string): Promise<void> {
    expect(await countHarm([turn], digest)).toEqual({ dropped: 0, cut: 0, mixed: 0 });
  }

  test("has arms that say different things", async () => {
    const [first = "", second = ""] = adapters;
    for (const question of questions) {
      const text = wanted.get(`${first} ${question}`) ?? "";
      const prompt = await serving.encodeQuestion(question);
      expect(text.length).toBeGreaterThan(60);
      expect(await judge.shortfall(adapterPath(first), prompt, text, false)).toBeLessThan(TIE_MAX);
      expect(await judge.shortfall(adapterPath(second), prompt, text, false)).toBeGreaterThan(0.1);
    }
  });

  test(`drops, cuts and mixes none of ${STREAMS} running streams, ${ROUNDS} times`, {
    timeout: 60_000 + ROUNDS * 30_000,
  }, async () => {
    const [first = "", second = ""] = adapters;
    const activationMs: number[] = [];
    const newConversationMs: number[] = [];
    const harms: Harm[] = [];
    let roundsOfAll = 0;
    let round = 0;
    // On a busy machine the first stream can end before the last begins: such a round is judged too, but one more is run.
    for (; roundsOfAll < ROUNDS && round < ROUNDS * 2 + 2; round++) {
      const [before, after] = round % 2 === 0 ? [first, second] : [second, first];
      await activate(before);
      const asked = Array.from({ length: STREAMS }, (_, index) => ask(questionAt(index)));
      let running = STREAMS;
      for (const { turn } of asked) void turn.then(() => running--);
      await Promise.all(asked.map(({ begun }) => begun));
      const startedAtMs = Date.now();
      if (running === STREAMS) roundsOfAll += 1;
      await activateAdapter(serving.activate, serving.chat.opened, after, ACT);
      const activatedAtMs = Date.now();
      activationMs.push(activatedAtMs - startedAtMs);

      const fresh: Asked[] = [];
      while (Date.now() - activatedAtMs < NEW_CONVERSATION_MAX_MS + 100) {
        fresh.push(ask(questionAt(0)));
        await sleep(50);
      }
      harms.push(await countHarm(await Promise.all(asked.map((item) => item.turn)), before));
      const moved: number[] = [];
      for (const item of fresh) {
        const turn = await item.turn;
        await expectOwnText(turn, turn.arm.adapterDigest === before ? before : after);
        if (turn.arm.adapterDigest === after) moved.push(item.askedAtMs - activatedAtMs);
        else expect(item.askedAtMs - activatedAtMs).toBeLessThan(NEW_CONVERSATION_MAX_MS);
      }
      newConversationMs.push(Math.min(...moved));
      for (const { channelId } of asked.slice(0, 3)) {
        expect((await ask("And how long does the refund take?", channelId).turn).arm.adapterDigest).toBe(before);
      }
    }
    const sumOf = (kind: keyof Harm) => harms.reduce((sum, harm) => sum + harm[kind], 0);
    const harm = { dropped: sumOf("dropped"), cut: sumOf("cut"), mixed: sumOf("mixed") };
    tellFigures("activation", {
      rounds: round,
      streams: round * STREAMS,
      [`roundsWith${STREAMS}Running`]: roundsOfAll,
      ...harm,
      settledByJudge: judged,
      activationMedianMs: medianOf(activationMs),
      activationMaxMs: maxOf(activationMs),
      newConversationAfterMaxMs: maxOf(newConversationMs),
    });
    expect(harm).toEqual({ dropped: 0, cut: 0, mixed: 0 });
    expect(roundsOfAll).toBe(ROUNDS);
  });

  test("answers with the old adapter's very words after a roll back, in every conversation", {
    timeout: 120_000,
  }, async () => {
    const [first = "", second = ""] = adapters;
    await activate(first);
    const old = ask(questionAt(0));
    await expectOwnText(await old.turn, first);
    await activate(second);
    const recent = ask(questionAt(1));
    await expectOwnText(await recent.turn, second);

    const startedAtMs = Date.now();
    await rollBackAdapter(serving.activate, SCOPE, ACT);
    const rollBackMs = Date.now() - startedAtMs;
    await serving.chat.services.refresh();
    const moved = await Promise.all([
      ...questions.map((question) => ask(question).turn),
      ...[old, recent].map(({ channelId }) => ask("How do I pay my invoice?", channelId).turn),
    ]);

    expect(rollBackMs).toBeLessThanOrEqual(ROLL_BACK_MAX_MS);
    for (const turn of moved) expect(turn.arm.adapterDigest).toBe(first);
    for (const turn of moved.slice(0, questions.length)) await expectOwnText(turn, first);
    tellFigures("roll back", { rollBackMs, conversationsMoved: moved.length });
  });

  test("is seen within a second when another process rolls back", { timeout: 120_000 }, async () => {
    const [first = "", second = ""] = adapters;
    await activate(first);
    await activate(second);
    const seen = new Promise<number>((resolve) => {
      serving.chat.services.onChange((service) => {
        if (service.active === first) resolve(Date.now() - service.changedAtMs);
      });
    });

    const args = ["--data", join(cwd, "data"), "--model", TINY_MODEL, "adapters", "rollback", "support"];
    const { exitCode, stderr } = await runProgram(args, { cwd });
    expect(exitCode, stderr).toBe(0);

    const seenMs = await seen;
    expect(seenMs).toBeLessThanOrEqual(OTHER_PROCESS_MAX_MS);
    await expectOwnText(await ask(questionAt(2)).turn, first);
    tellFigures("roll back by another process", { seenMs });
  });
});
