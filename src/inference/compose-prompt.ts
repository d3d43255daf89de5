import { nameAskers } from "#core/pseudonyms.ts";
import type { PromptMessage } from "./inference-engine.ts";

export interface PromptParts extends PromptAsker {
  readonly systemPrompt: string;
  /** Questions and answers that show how it is done, as if they had been said before; never cut. */
  readonly examples?: readonly { readonly question: string; readonly answer: string }[];
  /** Oldest first. */
  readonly history: readonly (PromptAsker & { readonly question: string; readonly reply: string })[];
  readonly question: string;
}

/** Who asked; told to the model only where several people did. */
export interface PromptAsker {
  readonly askerId?: string;
  readonly askerNumber?: number;
}

/** The one place that turns words into a prompt: serving, data sets and evaluation all call it, so that they agree. */
export function composePrompt({
  systemPrompt,
  examples = [],
  history,
  ...last
}: PromptParts): readonly PromptMessage[] {
  const questions = nameAskers([...history, last]);
  return [
    ...(systemPrompt === "" ? [] : [{ role: "system" as const, content: systemPrompt }]),
    ...examples.flatMap(({ question, answer }) => pairOf(question, answer)),
    ...history.flatMap(({ reply }, index) => pairOf(questions[index] ?? "", reply)),
    { role: "user" as const, content: questions.at(-1) ?? last.question },
  ];
}

function pairOf(question: string, answer: string): readonly PromptMessage[] {
  return [
    { role: "user", content: question },
    { role: "assistant", content: answer },
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
