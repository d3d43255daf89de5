import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tokenF1 } from "#core/text-overlap.ts";
import { type OpenEmbedder, openE5Embedder } from "#inference/embedding/e5-embedder.ts";
import { type LlamaEngine, openLlamaEngine } from "#inference/llama/llama-engine.ts";
import { isSameAnswer } from "#simulation/person.ts";
import { readWorld } from "#simulation/world.ts";
import { silentLog } from "../fixtures/llama/engine-under-test.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { openLearningWorld } from "../unit/bots/learning-world.ts";

const MODEL = join(process.cwd(), ".assets", "models", "smollm2-135m-instruct-q4_1.gguf");
const EMBEDDER = join(process.cwd(), ".assets", "embedder");
const canAsk = existsSync(MODEL) && existsSync(join(EMBEDDER, "e5-small-enpt-q4.bin"));
/** 60 for all of the world. */
const FACTS = Number(process.env["EXAMPLES_FACTS"] ?? 8);
/** Of the embedding model; chosen on these questions: docs/privacy.md. */
const SIMILARITY_MIN = 0.89;
const TRIAL_MAX_MS = 280_000;

describe.skipIf(!canAsk)("a fact that was taught once, asked in other words", () => {
  let embedder: OpenEmbedder;
  let engine: LlamaEngine;
  beforeAll(async () => {
    engine = await openLlamaEngine({
      modelPath: MODEL,
      modelName: "SmolLM2-135M-Instruct",
      isStandIn: false,
      threads: 1,
      contextTokens: 2048,
      parallelStreams: 1,
      queueMax: 8,
      queueWaitMaxMs: 60_000,
      adaptersLoadedMax: 1,
      now: Date.now,
      log: silentLog,
    });
    embedder = await openE5Embedder({ directory: EMBEDDER });
  }, 60_000);
  afterAll(async () => {
    await engine.close();
    await embedder.close();
  });

  test("is answered better by SmolLM2 with examples than without", { timeout: TRIAL_MAX_MS }, async () => {
    const facts = readWorld("assets/tiny/world.json");
    const chosen = facts.domains.flatMap((domain) => facts.factsOf(domain).map((fact) => ({ ...fact, domain })));
    const step = Math.max(1, Math.floor(chosen.length / FACTS));
    const asked = chosen.filter((_, index) => index % step === 0).slice(0, FACTS);
    let isTeaching = true;
    const domains = new Map<string, string>();
    const world = await openLearningWorld({
      embedder,
      examples: { similarityMin: SIMILARITY_MIN },
      settings: { replyTokensMax: 64, systemPromptFor: async () => facts.systemPrompt },
      generate: (request) => (isTeaching ? quickly(request) : engine.generate(request)),
    });
    const route = async (question: string) => {
      return { domain: domains.get(question) ?? "general", by: "keywords", score: 1, reason: "test" } as const;
    };
    Object.assign(world.parts, { router: { route } });
    for (const fact of chosen) {
      const [question = "", other = ""] = [fact.questions[0], fact.heldOut[0]];
      for (const text of [question, other]) domains.set(text, fact.domain);
      const turn = await world.ask(question, { threadId: fact.id });
      await world.think(turn.id, { correction: fact.answer });
    }
    for (const name of facts.domains) await world.finder.refresh({ ...SCOPE, domain: name });
    isTeaching = false;

    const exam = async (arm: string) => {
      const replies = [];
      for (const fact of asked) {
        const turn = await world.ask(fact.heldOut[0] ?? "", { threadId: `${arm}-${fact.id}` });
        replies.push({ turn, answer: fact.answer });
      }
      const sum = replies.reduce((total, { turn, answer }) => total + tokenF1(turn.reply, answer).f1, 0);
      return {
        f1: sum / replies.length,
        exact: replies.filter(({ turn, answer }) => isSameAnswer(turn.reply, answer)).length,
        shown: replies.filter(({ turn }) => turn.provenance.exampleTurnIds !== undefined).length,
      };
    };
    const withExamples = await exam("with");
    Object.assign(world.parts, { examples: undefined });
    const without = await exam("without");

    tellFigures("examples", {
      asked: asked.length,
      withExample: withExamples.shown,
      f1Without: Number(without.f1.toFixed(3)),
      f1With: Number(withExamples.f1.toFixed(3)),
      exactWithout: without.exact,
      exactWith: withExamples.exact,
    });
    expect(without.shown).toBe(0);
    expect(withExamples.shown).toBeGreaterThan(asked.length / 2);
    expect(withExamples.f1).toBeGreaterThan(without.f1 + 0.1);
  });
});

const SCOPE = { workspaceId: "local:home", audience: "public" } as const;

/** What is said before somebody teaches better matters to nobody. */
async function* quickly(_: unknown) {
  yield { kind: "text", text: "I do not know." } as const;
  yield { kind: "end", endedBy: "stop", promptTokens: 1, replyTokens: 1, totalMs: 1 } as const;
}
