import { expect, test } from "vitest";
import { composePrompt, fitPrompt } from "#inference/compose-prompt.ts";
import type { PromptMessage } from "#inference/inference-engine.ts";

const HISTORY = [
  { question: "one", reply: "eins" },
  { question: "two", reply: "zwei" },
  { question: "three", reply: "drei" },
];
const PARTS = { systemPrompt: "Be kind.", history: HISTORY, question: "four" };
/** One token per message, so that limits are easy to read: 1 system, 2 per earlier turn, 1 question. */
const count = (messages: readonly PromptMessage[]) => messages.length;

test("composePrompt() is the system prompt, the history oldest first, and the question", () => {
  expect(composePrompt({ ...PARTS, history: HISTORY.slice(0, 1) })).toEqual([
    { role: "system", content: "Be kind." },
    { role: "user", content: "one" },
    { role: "assistant", content: "eins" },
    { role: "user", content: "four" },
  ]);
});

test("composePrompt() has no system message when there is no system prompt", () => {
  expect(composePrompt({ systemPrompt: "", history: [], question: "Hi" })).toEqual([{ role: "user", content: "Hi" }]);
});

test("fitPrompt() leaves everything in when it fits exactly", () => {
  expect(fitPrompt(PARTS, 8, count)).toEqual({ messages: composePrompt(PARTS), turnsCut: 0 });
});

test.each([
  [7, 1],
  [6, 1],
  [5, 2],
  [4, 2],
  [3, 3],
])("fitPrompt() leaves out the oldest turns and no more when %i tokens fit", (tokensMax, turnsCut) => {
  const fitted = fitPrompt(PARTS, tokensMax, count);

  expect(fitted.turnsCut).toBe(turnsCut);
  expect(fitted.messages).toEqual(composePrompt({ ...PARTS, history: HISTORY.slice(turnsCut) }));
});

test("fitPrompt() keeps the whole question when nothing fits", () => {
  expect(fitPrompt(PARTS, 0, count).messages).toEqual(composePrompt({ ...PARTS, history: [] }));
});

test("fitPrompt() counts a long history a few times, not once per turn", () => {
  let counts = 0;
  const history = Array.from({ length: 50 }, (_, index) => ({ question: `q${index}`, reply: `r${index}` }));

  const { turnsCut } = fitPrompt({ ...PARTS, history }, 12, (messages) => {
    counts++;
    return messages.length;
  });

  expect(turnsCut).toBe(45);
  expect(counts).toBeLessThanOrEqual(6);
});
