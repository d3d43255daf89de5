import { resolve } from "node:path";
import { expect, test } from "vitest";
import { examine } from "#simulation/exam.ts";
import { readWorld } from "#simulation/world.ts";
import { scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";

const FACTS = [
  { id: "a", questions: ["?", "?"], heldOut: ["colour?", "shade?"], answer: "It is blue", vague: [] },
  { id: "b", questions: ["?", "?"], heldOut: ["size?"], answer: "It is large", vague: [] },
];
const OPTIONS = { systemPrompt: "Be kind.", replyTokensMax: 8, signal: new AbortController().signal };

test("examine() scores every held-out phrasing once", async () => {
  const asked: string[] = [];
  const engine = scriptedEngine((question) => {
    asked.push(question);
    return { text: question === "size?" ? "it is large." : question === "shade?" ? "It is red" : "No idea" };
  });

  const result = await examine(engine, undefined, FACTS, OPTIONS);

  expect(asked).toEqual(["colour?", "shade?", "size?"]);
  expect(result).toMatchObject({ questions: 3, exact: 1, exactRatio: 1 / 3 });
  expect(result.tokenF1).toBeCloseTo((0 + 2 / 3 + 1) / 3);
});

test("examine() asks the adapter that is in service", async () => {
  const engine = scriptedEngine((_, adapter) => ({ text: adapter === "abc" ? "It is blue" : "No idea" }));

  expect((await examine(engine, { digest: "abc", path: "/abc" }, FACTS.slice(0, 1), OPTIONS)).exactRatio).toBe(1);
  expect((await examine(engine, undefined, FACTS.slice(0, 1), OPTIONS)).exactRatio).toBe(0);
});

test("readWorld() keeps what is asked in chat apart from what is examined", () => {
  const world = readWorld(resolve(import.meta.dirname, "../../../assets/tiny/world.json"));

  for (const domain of world.domains) {
    const facts = world.factsOf(domain);
    expect(facts.length).toBeGreaterThan(0);
    for (const { questions, heldOut } of facts) expect(heldOut.filter((item) => questions.includes(item))).toEqual([]);
  }
  expect(world.factsOf("no such domain")).toEqual([]);
  expect(world.generalQuestions.length).toBeGreaterThan(3);
});
