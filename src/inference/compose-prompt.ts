import type { PromptMessage } from "./inference-engine.ts";

export interface PromptParts {
  readonly systemPrompt: string;
  /** Oldest first. */
  readonly history: readonly { readonly question: string; readonly reply: string }[];
  readonly question: string;
}

/** The one place that turns words into a prompt: serving, data sets and evaluation all call it, so that they agree. */
export function composePrompt({ systemPrompt, history, question }: PromptParts): readonly PromptMessage[] {
  return [
    ...(systemPrompt === "" ? [] : [{ role: "system" as const, content: systemPrompt }]),
    ...history.flatMap((turn) => [
      { role: "user" as const, content: turn.question },
      { role: "assistant" as const, content: turn.reply },
    ]),
    { role: "user" as const, content: question },
  ];
}

export interface FittedPrompt {
  readonly messages: readonly PromptMessage[];
  /** Turns left out at the old end. */
  readonly turnsCut: number;
}

/** Leaves out the oldest turns until prompt and reply fit. The question itself is never cut: `conversation.messageMaxChars` bounds it. */
export function fitPrompt(
  parts: PromptParts,
  tokensMax: number,
  count: (messages: readonly PromptMessage[]) => number,
): FittedPrompt {
  const without = (turnsCut: number) => composePrompt({ ...parts, history: parts.history.slice(turnsCut) });
  let [least, most] = [0, parts.history.length];
  // Halving: counting is as dear as the prompt is long, and on a long history it happens with every message.
  while (least < most) {
    const middle = Math.floor((least + most) / 2);
    if (count(without(middle)) <= tokensMax) most = middle;
    else least = middle + 1;
  }
  return { messages: without(least), turnsCut: least };
}
