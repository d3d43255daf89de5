import type { PromptEncoder } from "../prompt-encoder.ts";

/** English has about 4 characters in a token, Portuguese 3; fewer is safer. */
const CHARS_PER_TOKEN = 3;
const TOKENS_PER_MESSAGE = 8;

/**
 * For models whose vocabulary is not at hand: as many tokens as a text may have, all of them 0. Good for fitting a prompt, of no use
 * for training, which needs the weights anyway.
 */
export function estimatedEncoder(contextTokens: number): PromptEncoder {
  const encode = (texts: readonly string[]) =>
    Array.from(
      { length: texts.reduce((sum, text) => sum + TOKENS_PER_MESSAGE + Math.ceil(text.length / CHARS_PER_TOKEN), 0) },
      () => 0,
    );
  return {
    contextTokens,
    encodePrompt: (messages) => encode(messages.map(({ content }) => content)),
    encodeReply: (text) => encode([text]),
  };
}
