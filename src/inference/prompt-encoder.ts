import type { PromptMessage } from "./inference-engine.ts";

/**
 * Port: the tokens that the engine itself would see. Training rows are made of them, so that what is trained is what is
 * served; the length of a prompt is counted with them.
 */
export interface PromptEncoder {
  /** Tokens of the whole prompt up to where the reply begins. */
  encodePrompt(messages: readonly PromptMessage[]): readonly number[];
  /** Tokens of a reply with the token that ends it. */
  encodeReply(text: string): readonly number[];
  readonly contextTokens: number;
}
