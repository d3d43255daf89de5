import { tokenF1 } from "#core/text-overlap.ts";
import { composePrompt } from "#inference/compose-prompt.ts";
import type { AdapterFile, InferenceEngine } from "#inference/inference-engine.ts";
import { generateReplies } from "#trainer/generate-replies.ts";
import { isSameAnswer } from "./person.ts";
import type { Fact } from "./world.ts";

export interface ExamResult {
  readonly questions: number;
  /** Replies that are word for word the wanted answer. */
  readonly exact: number;
  readonly exactRatio: number;
  /** Mean over the questions. */
  readonly tokenF1: number;
}

/** Asks every held-out phrasing once, greedily and without history: the same exam for every arm. */
export async function examine(
  engine: InferenceEngine,
  adapter: AdapterFile | undefined,
  facts: readonly Fact[],
  options: { readonly systemPrompt: string; readonly replyTokensMax: number; readonly signal: AbortSignal },
): Promise<ExamResult> {
  const asked = listExamQuestions(facts).map(({ id, question }) => ({
    id,
    messages: composePrompt({ systemPrompt: options.systemPrompt, history: [], question }),
  }));
  const replies = await generateReplies(engine, asked, {
    ...(adapter === undefined ? {} : { adapter }),
    replyTokensMax: options.replyTokensMax,
    signal: options.signal,
  });
  return markExam(facts, replies);
}

export interface ExamQuestion {
  readonly id: string;
  readonly question: string;
  readonly answer: string;
}

/** Every held-out phrasing once. */
export function listExamQuestions(facts: readonly Fact[]): readonly ExamQuestion[] {
  return facts.flatMap(({ id, heldOut, answer }) =>
    heldOut.map((question, index) => ({ id: `${id}#${index}`, question, answer })),
  );
}

/** `replies` by the question's id; what is missing is wrong. */
export function markExam(facts: readonly Fact[], replies: ReadonlyMap<string, string>): ExamResult {
  const asked = listExamQuestions(facts);
  const scored = asked.map(({ id, answer }) => {
    const reply = replies.get(id) ?? "";
    return { isExact: isSameAnswer(reply, answer), f1: tokenF1(reply, answer).f1 };
  });
  const exact = scored.filter(({ isExact }) => isExact).length;
  return {
    questions: asked.length,
    exact,
    exactRatio: exact / asked.length,
    tokenF1: scored.reduce((sum, { f1 }) => sum + f1, 0) / asked.length,
  };
}
