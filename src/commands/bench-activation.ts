import type { LocalChat } from "#bots/local-chat.ts";
import type { LearningScope } from "#core/scope.ts";
import { askQuestion } from "#simulation/person.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { type ActivateParts, activateAdapter, rollBackAdapter, type ServingEngine } from "#trainer/activate-adapter.ts";
import { median } from "./bench-figures.ts";

export interface BenchActivationOptions {
  readonly activate: ActivateParts;
  readonly serving: ServingEngine;
  readonly localChat: LocalChat;
  readonly chat: ChatStore;
  readonly scope: LearningScope;
  /** A question of the scope's domain. */
  readonly question: string;
  /** Two adapters of the scope, candidates: one to go back to, one to activate. */
  readonly digests: readonly [string, string];
  readonly rounds: number;
}

export interface ActivationFigures {
  readonly rounds: number;
  /** The call alone: checks, loading beside the old one, warm-up, the record. */
  readonly activateMsMedian: number;
  readonly activateMsMax: number;
  /** From the end of that call to the end of the first new conversation's reply, by the new adapter. */
  readonly answeredMsMedian: number;
  readonly answeredMsMax: number;
  /** Conversations asked after an activation that another adapter still answered. */
  readonly answeredByOld: number;
  readonly rollBackMsMedian: number;
  readonly rollBackMsMax: number;
  readonly rolledBackAnsweredMsMedian: number;
  readonly rolledBackAnsweredMsMax: number;
}

/** Each round activates the second adapter, which is not loaded, and rolls back; after both a new conversation asks. */
export async function benchActivation(options: BenchActivationOptions): Promise<ActivationFigures> {
  const { activate, serving, scope, rounds } = options;
  const [before, after] = options.digests;
  const act = { by: "bench", reason: "measured" };
  const times = { activate: [] as number[], answered: [] as number[], rollBack: [] as number[], back: [] as number[] };
  let answeredByOld = 0;
  await activateAdapter(activate, serving, before, act);
  await askUntil(options, before);
  for (let round = 0; round < rounds; round += 1) {
    await serving.engine.release(after);
    times.activate.push(await timeOf(() => activateAdapter(activate, serving, after, act)));
    const first = await askUntil(options, after);
    times.answered.push(first.durationMs);
    times.rollBack.push(await timeOf(() => rollBackAdapter(activate, scope, act)));
    const back = await askUntil(options, before);
    times.back.push(back.durationMs);
    answeredByOld += first.asked + back.asked - 2;
  }
  return {
    rounds,
    activateMsMedian: median(times.activate),
    activateMsMax: Math.max(...times.activate),
    answeredMsMedian: median(times.answered),
    answeredMsMax: Math.max(...times.answered),
    answeredByOld,
    rollBackMsMedian: median(times.rollBack),
    rollBackMsMax: Math.max(...times.rollBack),
    rolledBackAnsweredMsMedian: median(times.back),
    rolledBackAnsweredMsMax: Math.max(...times.back),
  };
}

const ASKED_MAX = 200;
let channels = 0;

/** New conversations, one after the other, until one is answered by this adapter. */
async function askUntil(options: BenchActivationOptions, digest: string) {
  const startedMs = performance.now();
  for (let asked = 1; asked <= ASKED_MAX; asked += 1) {
    channels += 1;
    const channelId = `bench-${channels}`;
    const { turnId } = await askQuestion(options.localChat, { userId: "bench", channelId, text: options.question });
    const turn = await options.chat.findTurn(turnId);
    if (turn?.domain.domain !== options.scope.domain) {
      throw new Error(`Cannot measure an activation: the question went to "${turn?.domain.domain}"`);
    }
    if (turn.arm.adapterDigest === digest) return { durationMs: performance.now() - startedMs, asked };
  }
  throw new Error(`Cannot measure an activation: ${ASKED_MAX} conversations were not answered by "${digest}"`);
}

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}
