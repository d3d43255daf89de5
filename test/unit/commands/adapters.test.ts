import { expect, test } from "vitest";
import { findAdapterByText, showAdapters } from "#commands/adapters.ts";
import { AdapterNotFoundError } from "#core/errors.ts";
import type { AdapterView } from "#trainer/activate-adapter.ts";
import { recordingOutput } from "./recording-output.ts";

function adapter(digest: string, changes: Partial<AdapterView> = {}): AdapterView {
  return {
    digest,
    name: `reactune-legal-20261121-${digest.slice(0, 8)}`,
    baseDigest: "b",
    scope: { workspaceId: "local:home", audience: "public", domain: "legal" },
    runId: "run-1",
    datasetHash: "d",
    bytes: 1_900_000,
    grade: "B",
    state: "active",
    createdAtMs: Date.UTC(2026, 10, 21, 9, 30),
    ...changes,
  };
}
const ADAPTERS = [adapter("aaaaaaaa1111"), adapter("aaaaaaaa2222", { state: "dormant", name: "other" })];

test("showAdapters() lists name, domain, grade, state, size and time", () => {
  const { output, text } = recordingOutput();

  showAdapters(ADAPTERS.slice(0, 1), { isJson: false }, output);

  for (const words of ["reactune-legal-20261121-aaaaaaaa", "legal", "B", "active", "1.9 MB", "2026-11-21 09:30"])
    expect(text()).toContain(words);
  expect(text()).not.toContain("dormant:");
});

test("showAdapters() says what dormant means when one is", () => {
  const { output, printed } = recordingOutput();

  showAdapters(ADAPTERS, { isJson: false }, output);

  expect(printed.at(-1)).toMatch(/^dormant: made for another base model/);
});

test("showAdapters() says what to do when there is none", () => {
  const { output, text } = recordingOutput();

  showAdapters([], { isJson: false }, output);

  expect(text()).toContain("reactune readiness");
});

test("showAdapters() prints JSON and nothing else for scripts", () => {
  const { output, json } = recordingOutput();

  showAdapters(ADAPTERS, { isJson: true }, output);

  expect(json()).toEqual(ADAPTERS);
});

test.each(["aaaaaaaa1111", "aaaaaaaa1", "reactune-legal-20261121-aaaaaaaa"])("findAdapterByText() finds %j", (text) => {
  expect(findAdapterByText(ADAPTERS, text)).toBe(ADAPTERS[0]);
});

test.each([
  ["nothing fits", "bbbbbbbb"],
  ["several fit", "aaaaaaaa"],
  ["the text is too short to be meant", "aaaa"],
])("findAdapterByText() throws AdapterNotFoundError when %s", (_, text) => {
  expect(() => findAdapterByText(ADAPTERS, text)).toThrow(AdapterNotFoundError);
});
