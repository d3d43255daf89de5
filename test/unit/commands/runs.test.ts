import { expect, test } from "vitest";
import { showRuns } from "#commands/runs.ts";
import type { Run } from "#core/learning.ts";
import { recordingOutput } from "./recording-output.ts";

const RUN: Run = {
  id: "run-1",
  scope: { workspaceId: "local:home", audience: "public", domain: "legal" },
  state: "rejected",
  requestedBy: "schedule",
  requestedAtMs: Date.UTC(2026, 10, 21, 9, 30),
  grade: "E",
  verdict: "Grade E, not used",
  examplesEver: 3,
  attempts: 1,
};

test("showRuns() lists what each run led to", () => {
  const { output, text } = recordingOutput();

  showRuns([RUN], { isJson: false }, output);

  for (const words of ["run-1", "legal", "rejected", "E", "2026-11-21 09:30", "schedule", "Grade E, not used"])
    expect(text()).toContain(words);
});

test("showRuns() says what to do when there is none", () => {
  const { output, text } = recordingOutput();

  showRuns([], { isJson: false }, output);

  expect(text()).toContain("No run yet");
});

test("showRuns() prints JSON and nothing else for scripts", () => {
  const { output, json } = recordingOutput();

  showRuns([RUN], { isJson: true }, output);

  expect(json()).toEqual([RUN]);
});
