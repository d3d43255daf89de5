import { expect, test } from "vitest";
import { nameAskers, numberAsker } from "#core/pseudonyms.ts";
import { composePrompt } from "#inference/compose-prompt.ts";

test("nameAskers() leaves questions as they are when one person asks", () => {
  const asked = [
    { askerId: "ana", askerNumber: 3, question: "Hi" },
    { askerId: "ana", question: "Person B: hi" },
  ];

  expect(nameAskers(asked)).toEqual(["Hi", "Person B: hi"]);
  expect(nameAskers([{ question: "no id" }, { question: "at all" }])).toEqual(["no id", "at all"]);
  expect(nameAskers([])).toEqual([]);
});

test("nameAskers() names people by their numbers when several ask, whatever was cut before", () => {
  const asked = [
    { askerId: "bea", askerNumber: 1, question: "Where?" },
    { askerId: "ana", askerNumber: 0, question: "Here." },
    { askerId: "zoe", askerNumber: 27, question: "There." },
  ];

  expect(nameAskers(asked)).toEqual(["Person B: Where?", "Person A: Here.", "Person AB: There."]);
  expect(nameAskers(asked.slice(1))).toEqual(["Person A: Here.", "Person AB: There."]);
});

test("nameAskers() counts in the order of the prompt when turns are older than the numbers", () => {
  const asked = [
    { askerId: "bea", question: "Where?" },
    { askerId: "ana", askerNumber: 4, question: "Here." },
  ];

  expect(nameAskers(asked)).toEqual(["Person A: Where?", "Person B: Here."]);
});

test("numberAsker() keeps a person's number and gives the next one to who is new", () => {
  const earlier = [{ askerId: "ana", askerNumber: 0 }, { askerId: "bea", askerNumber: 1 }, { askerId: "old" }];

  expect(numberAsker("bea", earlier)).toBe(1);
  expect(numberAsker("new", earlier)).toBe(2);
  expect(numberAsker("ana", [])).toBe(0);
});

test("composePrompt() never shows a platform's id of a person to the model", () => {
  const prompt = composePrompt({
    systemPrompt: "S",
    examples: [{ question: "E?", answer: "E." }],
    history: [{ question: "Q?", reply: "R.", askerId: "U777", askerNumber: 0 }],
    question: "And?",
    askerId: "U888",
    askerNumber: 1,
  });

  expect(prompt.map(({ content }) => content)).toEqual(["S", "E?", "E.", "Person A: Q?", "R.", "Person B: And?"]);
});
