import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { composePrompt } from "#inference/compose-prompt.ts";
import type { BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import { writeDurably } from "./dataset-files.ts";
import type { WordRow } from "./encode-rows.ts";
import { generateReplies, type ReplyQuestion } from "./generate-replies.ts";
import { readIfThere, readLines, toLines } from "./run-files.ts";

export interface GeneralAnswers {
  /** Mixed into training, so that the adapter does not forget what the base can do. */
  readonly replay: readonly WordRow[];
  /** Never trained on: forgetting is measured on it. */
  readonly heldOut: readonly WordRow[];
}

export interface GeneralAnswersRequest {
  readonly engine: InferenceEngine;
  readonly base: BaseModel;
  readonly prompts: readonly string[];
  readonly systemPromptFor: SystemPromptFor;
  /** Answers are kept here per base and prompts: they are made once. */
  readonly directory: string;
  readonly hash: (text: string) => string;
  readonly onReply: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

const REPLY_TOKENS_MAX = 48;
/** Every fourth prompt is held out. */
const HELD_OUT_EVERY = 4;

/** What the base model itself answers to general prompts. No words of people are in it. */
export async function readGeneralAnswers(request: GeneralAnswersRequest): Promise<GeneralAnswers> {
  const { base, prompts, systemPromptFor, directory, hash } = request;
  const questions = await Promise.all(
    prompts.map(async (question, index) => ({
      id: `general-${index}`,
      messages: composePrompt({ systemPrompt: await systemPromptFor(question), history: [], question }),
    })),
  );
  const path = join(directory, `${hash(JSON.stringify([base.digest, questions])).slice(0, 32)}.jsonl`);
  if ((await readIfThere(path)) === undefined) await answerPrompts(request, questions, path);
  const rows = await readLines<WordRow>(path);
  return {
    replay: rows.filter((_, index) => index % HELD_OUT_EVERY !== 0),
    heldOut: rows.filter((_, index) => index % HELD_OUT_EVERY === 0),
  };
}

async function answerPrompts(
  request: GeneralAnswersRequest,
  questions: readonly ReplyQuestion[],
  path: string,
): Promise<void> {
  const replies = await generateReplies(request.engine, questions, {
    replyTokensMax: REPLY_TOKENS_MAX,
    onReply: request.onReply,
    signal: request.signal,
  });
  const rows = questions.map(({ id, messages }) => ({ id, messages, target: replies.get(id) ?? "" }));
  await mkdir(request.directory, { recursive: true });
  await writeDurably(path, toLines(rows.filter((row) => row.target !== "")));
}
