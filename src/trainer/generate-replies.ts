import type { AdapterFile, InferenceEngine, PromptMessage } from "#inference/inference-engine.ts";

export interface ReplyQuestion {
  readonly id: string;
  readonly messages: readonly PromptMessage[];
}

export interface ReplyOptions {
  readonly adapter?: AdapterFile;
  readonly replyTokensMax: number;
  readonly onReply?: (done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/** The engine's greedy reply to each question, by id: the same words every time, so that base and adapter can be compared. */
export async function generateReplies(
  engine: InferenceEngine,
  questions: readonly ReplyQuestion[],
  options: ReplyOptions,
): Promise<ReadonlyMap<string, string>> {
  const replies = new Map<string, string>();
  for (const { id, messages } of questions) {
    options.signal.throwIfAborted();
    let reply = "";
    const chunks = engine.generate({
      conversationId: `evaluation:${id}`,
      messages,
      ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
      sampling: { temperature: 0, topP: 1, topK: 1, repeatPenalty: 1 },
      replyTokensMax: options.replyTokensMax,
      signal: options.signal,
    });
    for await (const chunk of chunks) if (chunk.kind === "text") reply += chunk.text;
    replies.set(id, reply.trim());
    options.onReply?.(replies.size, questions.length);
  }
  options.signal.throwIfAborted();
  return replies;
}
