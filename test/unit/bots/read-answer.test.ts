import { expect, test } from "vitest";
import { countDifferences, readDiscord, readSlack, readSource } from "../../fixtures/delivery/read-answer.ts";

const ANSWER =
  "See *this* [one](https://e.org/a):\n\n| Key1 | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n\n```js\nlet a;\n  a();\n```";
const WHOLE = readSource(ANSWER, "standard");

function compare(messages: readonly string[]) {
  const seen = readSlack(messages);
  return { ...countDifferences(WHOLE.all, seen.all), open: seen.openFences, isCode: seen.code === WHOLE.code };
}

test("readSlack() reads messages as one answer: a table's head comes again, and so do fences", () => {
  const [words = "", table = "", code = ""] = ANSWER.split("\n\n");
  const [head = "", rule = "", one = "", two = ""] = table.split("\n");

  expect(compare([ANSWER])).toEqual({ lost: 0, added: 0, open: 0, isCode: true });
  expect(compare([words, [head, rule, one].join("\n"), [head, rule, two].join("\n"), code])).toEqual(compare([ANSWER]));
  expect(compare([words, table, "```js\nlet a;\n```", "```js\n  a();\n```"])).toEqual(compare([ANSWER]));
});

test("readSlack() tells what is lost, comes twice, or is no code any more", () => {
  const [words = "", table = "", code = ""] = ANSWER.split("\n\n");

  expect(compare([words, table.replace("| 4 |", "| |"), code])).toMatchObject({ lost: 1, added: 0 });
  expect(compare([words, table, table, code])).toMatchObject({ lost: 0, added: 4 });
  expect(compare([words, table, "```js\nlet a;", "  a();\n```"])).toMatchObject({ open: 2, isCode: false });
  expect(compare([words, table, "```js\nlet a;\na();\n```"])).toMatchObject({ lost: 0, added: 0, isCode: false });
  expect(readSlack(["See *th", "is* [one](https://e.org/a):"]).spans).not.toEqual(WHOLE.spans);
});

test("readDiscord() reads a quoted table that goes on, headings, boxes, rules and images as their source", () => {
  const source = `${ANSWER.split("```")[0]}#### Deep\n\n- [x] done\n- [ ] open\n\n---\n\n![cat](https://e.org/c.png)`;
  const shown = [
    "See *this* [one](<https://e.org/a>):\n\n```\nKey1 | b\n-----|----\n1    | 2\n```",
    "```\n3    | 4\n```\n\n**Deep**\n\n- ☑ done\n- ☐ open\n\n───────────────\n\n[cat](<https://e.org/c.png>)",
  ];

  expect(readDiscord(shown)).toEqual(readSource(source, "discord"));
  expect(readDiscord(shown.slice(1)).all).not.toBe(readSource(source, "discord").all);
});
