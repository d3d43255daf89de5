import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type GeneralAnswersRequest, readGeneralAnswers } from "#trainer/general-answers.ts";
import { SCRIPTED_BASE, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";
import { sha256 } from "./training-world.ts";

const PROMPTS = ["zero", "one", "two", "three", "four", "silence"];

function openRequest(changes: Partial<GeneralAnswersRequest> = {}) {
  const asked: string[] = [];
  const request: GeneralAnswersRequest = {
    engine: scriptedEngine((question) => {
      asked.push(question);
      return { text: question === "silence" ? "" : `Base on ${question}` };
    }),
    base: SCRIPTED_BASE,
    prompts: PROMPTS,
    systemPromptFor: async (question) => `Be kind to ${question}.`,
    directory: join(makeTempFolder(), "general"),
    hash: sha256,
    onReply: () => {},
    signal: new AbortController().signal,
    ...changes,
  };
  return { request, asked };
}

test("readGeneralAnswers() holds every fourth of the base's own answers out of training", async () => {
  const { request } = openRequest();

  const { replay, heldOut } = await readGeneralAnswers(request);

  expect(heldOut.map(({ target }) => target)).toEqual(["Base on zero", "Base on four"]);
  expect(replay.map(({ target }) => target)).toEqual(["Base on one", "Base on two", "Base on three"]);
  expect(replay[0]).toEqual({
    id: "general-1",
    messages: [
      { role: "system", content: "Be kind to one." },
      { role: "user", content: "one" },
    ],
    target: "Base on one",
  });
});

test("readGeneralAnswers() leaves out prompts to which the base says nothing", async () => {
  const { replay, heldOut } = await readGeneralAnswers(openRequest().request);

  expect([...replay, ...heldOut].map(({ id }) => id)).not.toContain("general-5");
});

test("readGeneralAnswers() makes the answers once", async () => {
  const { request, asked } = openRequest();
  const first = await readGeneralAnswers(request);

  expect(await readGeneralAnswers(request)).toEqual(first);
  expect(asked).toHaveLength(PROMPTS.length);
});

test.each<[string, Partial<GeneralAnswersRequest>]>([
  ["the base", { base: { ...SCRIPTED_BASE, digest: "0".repeat(64) } }],
  ["the prompts", { prompts: [...PROMPTS.slice(0, 5), "five"] }],
  ["the system prompt", { systemPromptFor: async () => "Be brief." }],
])("readGeneralAnswers() makes them anew when %s changed", async (_, changes) => {
  const { request, asked } = openRequest();
  await readGeneralAnswers(request);

  await readGeneralAnswers({ ...request, ...changes });

  expect(asked).toHaveLength(PROMPTS.length * 2);
});

test("readGeneralAnswers() keeps nothing half-made when it is cancelled", async () => {
  const cancel = new AbortController();
  const { request } = openRequest({ onReply: (done) => done === 2 && cancel.abort("enough"), signal: cancel.signal });

  await expect(readGeneralAnswers(request)).rejects.toBe("enough");
  expect(await readdir(request.directory).catch(() => [])).toEqual([]);
});
