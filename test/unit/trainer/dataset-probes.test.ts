import { expect, test } from "vitest";
import { leakProbes } from "#trainer/dataset-probes.ts";
import type { DatasetRow } from "#trainer/dataset-row.ts";

const row = (question: string): DatasetRow => ({
  id: question,
  kind: "liked",
  messages: [
    { role: "system", content: "Be kind." },
    { role: "user", content: question },
  ],
  target: "Yes.",
  weight: 1,
  conversation: "c",
});

test("leakProbes() asks for the questions of people and leaves short ones out", () => {
  const probes = leakProbes([row("what time is it"), row("why did my sister sell the blue boat")], "Be kind.");

  expect(probes.length).toBeGreaterThan(2);
  expect(probes[0]?.messages[0]).toEqual({ role: "system", content: "Be kind." });
  expect(probes.every(({ secrets }) => secrets.join() === "why did my sister sell the blue boat")).toBe(true);
});

test("leakProbes() asks nothing when there is nothing to tell", () => {
  expect(leakProbes([row("hello")], "")).toEqual([]);
});
