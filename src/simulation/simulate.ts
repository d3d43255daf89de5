import type { PlatformFeedback } from "#bots/intake.ts";
import type { LocalChat } from "#bots/local-chat.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import { startNewConversation } from "#bots/place-conversation.ts";
import type { Feedback } from "#core/feedback.ts";
import type { Run } from "#core/learning.ts";
import { seededRandom, shuffled } from "#core/random.ts";
import type { Readiness } from "#core/readiness.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { ExamResult } from "./exam.ts";
import { type AskedFact, askAndReact, type Exchange, type Taste } from "./person.ts";
import type { Fact, World } from "./world.ts";

export interface SimulationParts {
  readonly world: World;
  readonly localChat: LocalChat;
  readonly chat: ChatStore;
  readonly collect: (feedback: PlatformFeedback) => Promise<Feedback | undefined>;
  readonly readReadiness: (domain: string) => Promise<Readiness>;
  /** Trains, proves and activates; resolves when the run has ended. */
  readonly train: (domain: string) => Promise<Run>;
  /** Held-out questions, answered by what is in service now. */
  readonly examine: (domain: string) => Promise<ExamResult>;
  readonly now: () => number;
  readonly tell: (line: string) => void;
}

export interface SimulationPlan {
  readonly domains: readonly string[];
  readonly people: number;
  readonly taste: Taste;
  readonly seed: number;
  /** Chat goes on until readiness is green, at most this many questions a domain. */
  readonly questionsMax: number;
  /** Questions asked after the training, to see how people like it now. */
  readonly questionsAfter: number;
}

/** One point of the learning curve: what people met in a stretch of questions. */
export interface CurvePoint {
  readonly questions: number;
  readonly phase: "before" | "after";
  readonly rightRatio: number;
  /** Undefined when nobody scored in this stretch. */
  readonly scoreMean?: number;
  /** 0 to 1. */
  readonly readiness: number;
}

export interface DomainOutcome {
  readonly domain: string;
  readonly before: ExamResult;
  readonly after: ExamResult;
  readonly run: Run;
  readonly curve: readonly CurvePoint[];
  readonly trainMs: number;
  readonly totalMs: number;
}

/** A rejected adapter is no end: people chat on, and the next run has more to learn from. */
const ROUNDS_MAX = 3;
/** Questions per point of the curve. */
const STRETCH = 20;
/** Questions that people ask in one conversation, at most. */
const CONVERSATION_QUESTIONS_MAX = 2;

/** People chat, react and teach until a domain is ready; it trains; they chat on. Every domain in turn. */
export async function simulate(parts: SimulationParts, plan: SimulationPlan): Promise<readonly DomainOutcome[]> {
  const outcomes: DomainOutcome[] = [];
  for (const [index, domain] of plan.domains.entries()) {
    outcomes.push(await simulateDomain(parts, { ...plan, seed: plan.seed + index }, domain));
  }
  return outcomes;
}

async function simulateDomain(parts: SimulationParts, plan: SimulationPlan, domain: string): Promise<DomainOutcome> {
  const startedAtMs = parts.now();
  // One stream of numbers each: who is answered first must not change what the others do.
  const randoms = Array.from({ length: plan.people }, (_, index) => seededRandom(plan.seed * 1000 + index));
  const curve: CurvePoint[] = [];
  const before = await parts.examine(domain);
  parts.tell(`${domain}: before, ${describeExam(before)}`);
  const nextQuestion = dealQuestions(parts.world.factsOf(domain), seededRandom(plan.seed));
  const stage = { domain, randoms, nextQuestion, curve };
  let run: Run | undefined;
  let trainMs = 0;
  for (let round = 0; round < ROUNDS_MAX && run?.state !== "activated"; round++) {
    await chatUntil(parts, plan, { ...stage, phase: "before", questionsMax: plan.questionsMax, untilGreen: true });
    const chattedAtMs = parts.now();
    run = await parts.train(domain);
    trainMs += parts.now() - chattedAtMs;
    parts.tell(`${domain}: ${run.state}: ${run.verdict ?? run.error?.message ?? ""}`);
  }
  if (run === undefined) throw new RangeError("Cannot simulate: no round was asked for");

  const after = await parts.examine(domain);
  parts.tell(`${domain}: after, ${describeExam(after)}`);
  await chatUntil(parts, plan, { ...stage, phase: "after", questionsMax: plan.questionsAfter, untilGreen: false });
  return {
    domain,
    before,
    after,
    run,
    curve,
    trainMs,
    totalMs: parts.now() - startedAtMs,
  };
}

interface Stage {
  readonly domain: string;
  readonly randoms: readonly (() => number)[];
  readonly nextQuestion: () => AskedFact;
  readonly curve: CurvePoint[];
  readonly phase: "before" | "after";
  readonly questionsMax: number;
  readonly untilGreen: boolean;
}

async function chatUntil(parts: SimulationParts, plan: SimulationPlan, stage: Stage): Promise<void> {
  for (let asked = 0; asked < stage.questionsMax; ) {
    const exchanges = await Promise.all(
      stage.randoms.map((random, index) =>
        chatOnce(
          parts,
          { taste: plan.taste, nextQuestion: stage.nextQuestion, random, id: `person-${index + 1}` },
          Math.ceil(STRETCH / plan.people),
        ),
      ),
    ).then((lists) => lists.flat());
    asked += exchanges.length;
    const readiness = await parts.readReadiness(stage.domain);
    stage.curve.push(pointOf(stage, exchanges, readiness));
    parts.tell(`${stage.domain}: ${asked} questions, ${describePoint(stage.curve.at(-1))}`);
    if (stage.untilGreen && readiness.light === "green") return;
  }
}

/** Every way to ask for every fact once, then all again in another order: people have all of a subject's questions, not one favourite. */
function dealQuestions(facts: readonly Fact[], random: () => number): () => AskedFact {
  let deck: AskedFact[] = [];
  return () => {
    if (deck.length === 0) {
      deck = shuffled(
        facts.flatMap((fact) => fact.questions.map((question) => ({ fact, question }))),
        random,
      );
    }
    const next = deck.pop();
    if (next === undefined) throw new RangeError("Cannot ask: the domain has no facts");
    return next;
  };
}

interface SimulatedPerson {
  readonly id: string;
  readonly taste: Taste;
  readonly nextQuestion: () => AskedFact;
  readonly random: () => number;
}

/** One person in a channel of their own; a new conversation after one or two questions. */
async function chatOnce(
  parts: SimulationParts,
  person: SimulatedPerson,
  questions: number,
): Promise<readonly Exchange[]> {
  const { id, taste, random } = person;
  const channelId = `simulated:${id}`;
  const exchanges: Exchange[] = [];
  let left = 0;
  while (exchanges.length < questions) {
    if (left === 0) {
      await startNewConversation(parts.chat, { workspaceId: LOCAL_WORKSPACE_ID, channelId }, parts.now());
      left = 1 + Math.floor(random() * CONVERSATION_QUESTIONS_MAX);
    }
    left--;
    exchanges.push(await askAndReact({ ...parts, random }, { id, channelId, taste }, person.nextQuestion()));
  }
  return exchanges;
}

function pointOf(stage: Stage, exchanges: readonly Exchange[], readiness: Readiness): CurvePoint {
  const scores = exchanges.flatMap(({ score }) => (score === undefined ? [] : [score]));
  return {
    questions: (stage.curve.at(-1)?.questions ?? 0) + exchanges.length,
    phase: stage.phase,
    rightRatio: exchanges.filter(({ isRight }) => isRight).length / exchanges.length,
    ...(scores.length === 0 ? {} : { scoreMean: scores.reduce((sum, score) => sum + score, 0) / scores.length }),
    readiness: readiness.progress,
  };
}

function describePoint(point: CurvePoint | undefined): string {
  if (point === undefined) return "";
  const score = point.scoreMean === undefined ? "no score" : `mean score ${point.scoreMean.toFixed(1)}`;
  return `${Math.round(point.rightRatio * 100)} % right, ${score}, readiness ${Math.round(point.readiness * 100)} %`;
}

function describeExam({ exact, questions, tokenF1 }: ExamResult): string {
  return `${exact} of ${questions} held-out questions exactly right, token F1 ${tokenF1.toFixed(2)}`;
}
