import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { TurnView } from "#dashboard/api-records.ts";
import { listExamQuestions, markExam } from "#simulation/exam.ts";
import { isSameAnswer } from "#simulation/person.ts";
import { type Fact, readWorld } from "#simulation/world.ts";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { ollamaProgram, startTestOllama } from "../fixtures/ollama/ollama-under-test.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi } from "../fixtures/trials/call-api.ts";
import { keepAsking, readAnswer } from "../fixtures/trials/keep-asking.ts";
import {
  activationIn,
  openProcesses,
  requestRun,
  waitForEnd,
  waitForState,
} from "../fixtures/trials/open-processes.ts";
import { canTrain, makeTrialFolder, REPOSITORY } from "../fixtures/trials/run-program.ts";
import { READY_AT_ONCE } from "../fixtures/trials/teach-support.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const hasServers = hasRedis && mongoPeer !== undefined && ollamaProgram !== undefined;
/** Every process looks at the service record this often, hints or not. */
const ADAPTER_LIVE_MAX_MS = 1000;
/** A person may have ten questions waiting. */
const PEOPLE = 4;
const WORLD = readWorld(join(REPOSITORY, "assets", "tiny", "world.json"));
const FACTS = WORLD.factsOf("support");
/** Those of `reactune simulate`, whose loop turns in one process; its exam is greedy, too. */
const SETTINGS = [
  `assistant.systemPrompt=${WORLD.systemPrompt}`,
  "assistant.replyLanguage=en",
  "inference.temperature=0",
  "inference.repeatPenalty=1",
  // As many threads as cores wait for each other on a machine that is busy: 50 times slower.
  "inference.threads=1",
  // Nothing else is to go first here: on a machine with other work the run would starve.
  "trainer.niceness=0",
  // What is looked up beside the question is not what the adapter learned, and a stored reply is neither.
  "retrieval.enabled=false",
  "cache.enabled=false",
  // A million parameters hold one taste (docs/tiny-model.md).
  "evaluation.generalLossWorseMaxRatio=2",
  ...READY_AT_ONCE,
];
describe("three processes with MongoDB, Redis, BullMQ and Ollama", () => {
  const mongo = useMongoPeer();

  test.skipIf(!hasServers || !canTrain)(
    "learn held-out answers as one process does (needs redis) (needs mongodb) (needs ollama) (needs python)",
    { timeout: 600_000 },
    async () => {
      const startedAtMs = Date.now();
      const ollama = await startTestOllama({ modelsDirectory: makeTrialFolder() });
      onTestFinished(() => ollama.stop());
      const general = join(makeTrialFolder(), "general-prompts.json");
      writeFileSync(general, JSON.stringify(WORLD.generalQuestions));
      const settings = [...SETTINGS, `evaluation.generalPromptsFile=${general}`];
      const { cwd, start } = await openProcesses(settings, { MONGODB_URI: mongo.uri(), OLLAMA_HOST: ollama.url });
      const [pages, trainer, bots] = await Promise.all([start("dashboard"), start("trainer"), start("bots")]);
      const admin = callApi(() => pages.url, "admin");

      const before = await sitExam(pages.url, "before", FACTS);
      await teach(pages.url, FACTS);
      const runId = await requestRun(admin, "support");
      await waitForState(admin, runId, ["evaluating"]);
      const asking = keepAsking(
        callApi(() => pages.url, "customer"),
        250,
      );
      expect(await waitForEnd(admin, runId), `${cwd}\n${trainer.log().slice(-3000)}`).toBe("activated");
      const activatedAtMs = activationIn(trainer);
      await sleep(ADAPTER_LIVE_MAX_MS + 1000);
      const turns = await asking.end();
      const after = await sitExam(pages.url, "after", FACTS);
      const firstLearned = Math.min(...turns.filter(({ hasAdapter }) => hasAdapter).map(({ askedAtMs }) => askedAtMs));
      tellFigures("loop in three processes", {
        totalMs: Date.now() - startedAtMs,
        exactBefore: before.exact,
        exactAfter: after.exact,
        heldOut: after.questions,
        firstAskedWithItAfterMs: firstLearned - activatedAtMs,
      });

      expect(before.exactRatio).toBeLessThan(0.1);
      expect(after.exactRatio).toBeGreaterThan(0.8);
      const later = turns.filter(({ askedAtMs }) => askedAtMs > activatedAtMs + ADAPTER_LIVE_MAX_MS);
      expect(later.length).toBeGreaterThan(0);
      expect(later.filter(({ hasAdapter }) => !hasAdapter)).toEqual([]);
      const [base, adapter, ...others] = await modelsOf(ollama.url);
      expect(base).toMatch(/^reactune-base-[0-9a-f]{12}/);
      expect(adapter).toMatch(/^reactune-[0-9a-f]{12}/);
      expect(others).toEqual([]);
      for (const process of [bots, trainer, pages]) await process.stop();
    },
  );
});

/** The held-out questions, each in a conversation of its own, asked by people who never asked before. */
async function sitExam(url: string, name: string, facts: readonly Fact[]) {
  const questions = listExamQuestions(facts);
  const replies = new Map<string, string>();
  await askAll(url, name, questions, async ({ id }, _person, { reply }) => void replies.set(id, reply));
  return markExam(facts, replies);
}

/** Half of the ways to ask in chat, once each: what is right is liked, what is wrong is corrected. */
async function teach(url: string, facts: readonly Fact[]): Promise<void> {
  const asked = facts.flatMap(({ questions, answer }) =>
    questions.filter((_, index) => index % 2 === 0).map((question) => ({ question, answer })),
  );
  await askAll(url, "teacher", asked, async ({ answer }, person, { id, reply }) => {
    const feedback = isSameAnswer(reply, answer) ? { score: 5 } : { score: 1, correction: answer };
    const { status, body } = await person.call("PUT", `/api/turns/${id}/feedback`, feedback);
    expect(status, JSON.stringify(body)).toBe(200);
  });
}

/** Several people at once, each waiting for the answer before asking on. */
async function askAll<T extends { readonly question: string }>(
  url: string,
  name: string,
  questions: readonly T[],
  react: (question: T, person: Caller, turn: TurnView) => Promise<void>,
): Promise<void> {
  const people = Array.from({ length: PEOPLE }, (_, index) => callApi(() => url, `${name}-${index}`));
  await Promise.all(
    people.map(async (person, first) => {
      for (let index = first; index < questions.length; index += PEOPLE) {
        const question = questions[index];
        if (question === undefined) return;
        const sent = { text: question.question, clientMessageId: `question-${index}` };
        const { status, body } = await person.call("POST", "/api/messages", sent);
        expect(status, JSON.stringify(body)).toBe(202);
        await react(question, person, await readAnswer(person, body.messageId));
      }
    }),
  );
}

/** The base, whose name is the longest, before its adapters. */
async function modelsOf(url: string): Promise<readonly string[]> {
  const { models } = z
    .object({ models: z.array(z.object({ name: z.string() })) })
    .parse(await (await fetch(new URL("/api/tags", url))).json());
  return models.map(({ name }) => name).toSorted((a, b) => b.length - a.length);
}
