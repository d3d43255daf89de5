import { expect, test } from "vitest";
import { showReadiness } from "#commands/readiness.ts";
import { judgeReadiness } from "#core/readiness.ts";
import { recordingOutput } from "./recording-output.ts";

const THRESHOLDS = {
  conversationsMin: 50,
  messagesMin: 200,
  feedbackMin: 20,
  scoreMeanMin: 3.5,
  examplesMin: 50,
  ratersMin: 1,
  newExamplesMin: 20,
};
const FEW = { conversations: 30, messages: 54, feedback: 2, scoreSum: 10, examples: 2, raters: 1, examplesEver: 2 };
const ENOUGH = {
  conversations: 60,
  messages: 200,
  feedback: 20,
  scoreSum: 90,
  examples: 50,
  raters: 1,
  examplesEver: 50,
};
const READINESS = [
  { domain: "*", readiness: judgeReadiness(FEW, THRESHOLDS) },
  { domain: "legal", readiness: judgeReadiness(ENOUGH, THRESHOLDS) },
];

test("showReadiness() draws a bar per criterion and says what is missing", () => {
  const { output, printed } = recordingOutput();

  showReadiness(READINESS, { isJson: false }, output);

  expect(printed[0]).toBe("🔴 workspace as a whole  not ready");
  expect(printed).toContain("   conversations      ▓▓▓▓▓▓▓▓▓▓▓▓░░░░░░░░ 30 / 50");
  expect(printed).toContain("   mean score         ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓ 5 / 3.50");
  expect(printed).toContain("   → 20 more conversations: open a new one for each subject");
  expect(printed).toContain("✅ legal  ready to train");
  expect(printed.at(-1)).toContain("20 liked conversations and 100 rated messages");
});

test("showReadiness() prints JSON and nothing else for scripts", () => {
  const { output, json } = recordingOutput();

  showReadiness(READINESS, { isJson: true }, output);

  expect(json()).toMatchObject([
    { domain: "*", light: "red", criteria: expect.any(Array) },
    { domain: "legal", light: "green", missing: [] },
  ]);
});

test("showReadiness() says why nothing is trained although a domain is ready", () => {
  const { output, printed } = recordingOutput();
  showReadiness(READINESS, { isJson: false, note: "Groq takes no adapters" }, output);

  expect(printed).toContain("No training: Groq takes no adapters");
});
