import type { PromptMessage } from "./inference-engine.ts";

/** Port: the text of a prompt, for engines that take text instead of tokens. */
export interface PromptRenderer {
  /** The whole prompt up to where the reply begins. Words of people can form no control token in it. */
  renderPrompt(messages: readonly PromptMessage[]): string;
  /** What ends a reply. */
  readonly stopTexts: readonly string[];
}
