import type { LlamaContextSequence, Token } from "node-llama-cpp";
import type { Sampling } from "../inference-engine.ts";
import type { PromptCodec } from "./prompt-codec.ts";
import { StopTextFilter } from "./stop-text.ts";
import { TokenTextDecoder } from "./token-text-decoder.ts";

/** The prompt is read in pieces, so that a cancelled reply stops early; 128 was also the fastest of 64, 128 and 512. */
export const PROMPT_PIECE_TOKENS = 128;
/** The repeat penalty looks back this far, the habit of llama.cpp. */
const REPEAT_WINDOW_TOKENS = 64;

export interface GenerateReplyOptions {
  readonly sampling: Sampling & { readonly seed: number };
  readonly replyTokensMax: number;
  readonly signal: AbortSignal;
  readonly onToken: () => void;
  readonly onText: (text: string) => void;
}

/**
 * The token loop. What the sequence already holds of the prompt is not read again: state and tokens of one adapter only,
 * since a sequence belongs to one context and a context to one adapter. Rejects when the model fails.
 */
export async function generateReply(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  codec: PromptCodec,
  options: GenerateReplyOptions,
): Promise<"stop" | "length" | "cancelled"> {
  const { signal, sampling, onText } = options;
  const tokensMax = Math.min(options.replyTokensMax, sequence.contextSize - 1 - prompt.length);
  if (tokensMax < 1) return "length";
  const rest = await readPrompt(sequence, prompt, signal);
  if (rest === undefined) return "cancelled";

  const { model } = sequence;
  const decoder = new TokenTextDecoder<Token>((tokens, before) => model.detokenize(tokens, false, before));
  const stopText = new StopTextFilter(codec.stopTexts);
  const reply: Token[] = [];
  const tokens = sequence.evaluate(rest, {
    temperature: sampling.temperature,
    topP: sampling.topP,
    topK: sampling.topK,
    seed: sampling.seed,
    ...(sampling.repeatPenalty === 1
      ? {}
      : { repeatPenalty: { penalty: sampling.repeatPenalty, punishTokens: () => reply.slice(-REPEAT_WINDOW_TOKENS) } }),
  });
  for await (const token of tokens) {
    if (signal.aborted) return "cancelled";
    if (codec.stopTokens.has(token)) break;
    reply.push(token);
    options.onToken();
    const { text, isStopped } = stopText.push(decoder.push(token));
    onText(text);
    if (isStopped) return "stop";
    if (reply.length >= tokensMax) {
      onText(stopText.flush());
      return "length";
    }
  }
  onText(stopText.flush());
  return "stop";
}

/** Aligns the sequence with the prompt and reads all but the last piece, which is returned. Undefined when aborted. */
async function readPrompt(
  sequence: LlamaContextSequence,
  prompt: readonly Token[],
  signal: AbortSignal,
): Promise<Token[] | undefined> {
  // The last token must be read again even if it is held: its logits are not.
  await sequence.adaptStateToTokens(prompt.slice(0, -1), false);
  let start = sequence.nextTokenIndex;
  while (prompt.length - start > PROMPT_PIECE_TOKENS) {
    if (signal.aborted) return undefined;
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(start, start + PROMPT_PIECE_TOKENS));
    start += PROMPT_PIECE_TOKENS;
  }
  return signal.aborted ? undefined : prompt.slice(start);
}
