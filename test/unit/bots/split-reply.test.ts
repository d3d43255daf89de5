import fc from "fast-check";
import type { Nodes } from "mdast";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";
import { expect, test } from "vitest";
import { openSplitter, splitReply } from "#bots/split-reply.ts";
import { generateMarkdown, seededRandom, wordsOf } from "../../fixtures/bots/generated-answer.ts";

const PARSER = unified().use(remarkParse).use(remarkGfm);

/** What stands in code blocks, without white space. */
function codeOf(markdown: string): string {
  let code = "";
  const walk = (node: Nodes): void => {
    if (node.type === "code") code += node.value;
    if ("children" in node) for (const child of node.children) walk(child);
  };
  walk(PARSER.parse(markdown));
  return code.replace(/\s/gu, "");
}

function codeLinesOf(markdown: string): readonly string[] {
  const lines: string[] = [];
  const walk = (node: Nodes): void => {
    if (node.type === "code") lines.push(...node.value.split("\n"));
    if ("children" in node) for (const child of node.children) walk(child);
  };
  walk(PARSER.parse(markdown));
  return lines;
}

function shownOf(text: string, charsMax: number): readonly string[] {
  return splitReply(text, charsMax).map(({ shown }) => shown);
}

function expectLossless(text: string, charsMax: number): void {
  const parts = splitReply(text, charsMax);
  expect(parts.map(({ raw }) => raw).join("")).toBe(text);
  for (const { shown } of parts) {
    expect(shown.length).toBeLessThanOrEqual(charsMax);
    expect(shown.trim()).not.toBe("");
  }
}

test("splitReply() leaves a short text as it is, and makes nothing of nothing", () => {
  expect(splitReply("Hello *you*", 2000)).toEqual([{ raw: "Hello *you*", shown: "Hello *you*" }]);
  expect(splitReply(" \n ", 2000)).toEqual([]);
});

test("splitReply() loses, doubles and cuts no word of generated answers, and breaks no code", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 1, max: 9000 }), (seed, length) => {
      const text = generateMarkdown(seededRandom(seed), length);
      expectLossless(text, 2000);
      const shown = shownOf(text, 2000);
      expect(shown.flatMap(wordsOf)).toEqual(wordsOf(text));
      expect(shown.map(codeOf).join("")).toBe(codeOf(text));
    }),
    { numRuns: 60, seed: 4 },
  );
});

test("splitReply() partitions any text at all, of any Unicode, into messages of any size", () => {
  const piece = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 60 }),
    fc.string({ unit: "binary", maxLength: 40 }),
    fc.constantFrom(
      "```",
      "~~~~",
      "\n",
      "\n\n",
      "    ",
      "> ",
      "- ",
      "1. ",
      "| a | b |\n|-|-|\n",
      "`",
      "**",
      "[a](b)",
      " \u200F",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 40, max: 300 }), (pieces, charsMax) => {
      const text = pieces.join("");
      if (text.trim() !== "") expectLossless(text, charsMax);
    }),
    { numRuns: 300, seed: 4 },
  );
});

test("openSplitter() gives for a growing text what splitReply() gives, and changes no settled part", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => {
      const random = seededRandom(seed);
      const text = generateMarkdown(random, 3000);
      const split = openSplitter(300);
      let before: readonly string[] = [];
      for (let length = 0; length < text.length; length += Math.ceil(random() * 120)) {
        const grown = text.slice(0, length);
        const parts = split(grown);
        expect(parts).toEqual(splitReply(grown, 300));
        const shown = parts.map((part) => part.shown);
        // Only the last parts, within two messages of the end, may still move.
        expect(shown.slice(0, Math.max(0, before.length - 4))).toEqual(before.slice(0, -4));
        before = shown;
      }
    }),
    { numRuns: 15, seed: 4 },
  );
});

test("openSplitter() follows a text that was changed at its begin", () => {
  const split = openSplitter(300);
  const text = generateMarkdown(seededRandom(5), 3000);
  split(text);

  expect(split(`Before. ${text}`)).toEqual(splitReply(`Before. ${text}`, 300));
});

test("splitReply() cuts between paragraphs rather than in one, and in sentences rather than in words", () => {
  const first = "One two three. ".repeat(10).trim();
  const second = "Four five six. ".repeat(10).trim();

  expect(shownOf(`${first}\n\n${second}`, 200)).toEqual([first, second]);
  expect(shownOf("One two three. ".repeat(20).trim(), 200)[0]).toMatch(/three\.$/u);
});

test("splitReply() opens code again with its language in the next message", () => {
  const lines = Array.from({ length: 80 }, (_, line) => `  line ${line}`).join("\n");
  const [first, second, ...others] = shownOf(`Look:\n\n~~~~python\n${lines}\n~~~~`, 300);

  expect(first).toMatch(/^Look:\n\n~~~~python\n {2}line 0\n[^~]*\n~~~~$/u);
  expect(second).toMatch(/^~~~~python\n {2}line [^~]*\n~~~~$/u);
  expect(others.length).toBeGreaterThan(0);
});

test("splitReply() closes code that the model has not closed", () => {
  expect(shownOf("```js\nlet a", 300)).toEqual(["```js\nlet a\n```"]);
});

test("splitReply() cuts a line of code that is longer than a message, and keeps it code", () => {
  const text = `\`\`\`\n${"abcdefghi ".repeat(100)}\n\`\`\``;
  const shown = shownOf(text, 300);

  for (const part of shown) expect(part).toMatch(/^```\n[^`]+\n```$/u);
  expect(shown.map(codeOf).join("")).toBe("abcdefghi".repeat(100));
});

test("splitReply() repeats the head of a table and cuts no row", () => {
  const rows = Array.from({ length: 30 }, (_, row) => `| key ${row} | some value |`).join("\n");
  const shown = shownOf(`| Key | Value |\n|---|---|\n${rows}`, 300);

  for (const part of shown)
    expect(part).toMatch(/^\| Key \| Value \|\n\|---\|---\|\n(?:\| key \d+ \| some value \|\n?)+$/u);
});

test("splitReply() marks the rest of a quote as a quote", () => {
  const shown = shownOf(`> ${"Alpha beta gamma delta. ".repeat(30).trim()}`, 200);

  expect(shown.length).toBeGreaterThan(3);
  for (const part of shown) expect(part).toMatch(/^> \S/u);
});

test("splitReply() does not cut links, code and emphasis where it can cut elsewhere", () => {
  const whole = "[a link of words](https://example.com/path) `some code here` **some bold words** ~~these are gone~~ ";
  for (let padding = 0; padding < 100; padding++) {
    for (const part of shownOf(`${"x ".repeat(padding)}${whole.repeat(6)}`.trim(), 200)) {
      expect(
        part
          .replaceAll(
            /\[a link of words\]\(https:\/\/example\.com\/path\)|`some code here`|\*\*some bold words\*\*|~~these are gone~~|x/gu,
            "",
          )
          .trim(),
      ).toBe("");
    }
  }
});

test.each(["👩‍👩‍👧‍👦", "🇧🇷", "e\u0301\u0323", "👍🏽", "שׁ\u200F"])(
  "splitReply() keeps each %s of a long row whole",
  (cluster) => {
    for (const part of shownOf(cluster.repeat(300), 200)) expect(part.replaceAll(cluster, "")).toBe("");
  },
);

test("splitReply() shows a word of 60,000 characters and 10,000 empty lines without loss", () => {
  expectLossless("a".repeat(60_000), 2000);
  expect(shownOf("a".repeat(60_000), 2000).join("")).toBe("a".repeat(60_000));
  expect(shownOf(`Hello${"\n".repeat(10_000)}World`, 2000)).toEqual(["Hello", "World"]);
});

test("splitReply() begins no message with what would be read as a list or a heading", () => {
  for (const part of shownOf("ten - 5 # 4 + 3 ".repeat(100), 200)) expect(part).not.toMatch(/^[-#+]/u);
});

test("openSplitter() looks at the open tail only, so that growing costs less than splitting anew", () => {
  const text = generateMarkdown(seededRandom(9), 60_000);
  const lengths = Array.from({ length: 60 }, (_, step) => (step + 1) * 1000);
  const timeOf = (split: (grown: string) => unknown) => {
    const startedAtMs = performance.now();
    for (const length of lengths) split(text.slice(0, length));
    return performance.now() - startedAtMs;
  };

  const anewMs = timeOf((grown) => splitReply(grown, 2000));

  // Over ten times less where it was measured; a busy machine slows both.
  expect(timeOf(openSplitter(2000))).toBeLessThan(anewMs / 2);
});

test("splitReply() goes on with code in a list that stands further in than its item", () => {
  for (const mark of ["1. ", "- ", "10. ", "- a\n  - "]) {
    const width = mark.includes("\n") ? 4 : mark.length;
    for (let indent = 0; indent <= 3; indent++) {
      const space = " ".repeat(width + indent);
      const lines = Array.from({ length: 20 }, (_, index) => `${space}${index % 3 === 0 ? "  " : ""}line${index}`);
      const text = [`${mark}item`, "", `${space}\`\`\`js`, ...lines, `${space}\`\`\``, "", "After *it*."].join("\n");

      const shown = shownOf(text, 90);

      expect(shown.length, text).toBeGreaterThan(2);
      expect(shown.flatMap(codeLinesOf), text).toEqual(codeLinesOf(text));
      expect(JSON.stringify(PARSER.parse(shown.at(-1) ?? "")), text).toContain('"emphasis"');
    }
  }
});

test("splitReply() cuts between lines of code rather than within one", () => {
  const code = "```js\nlet a = 1\nlet b = 2\n```";

  expect(shownOf(`${code}\n\n${"y".repeat(70)}`, 75)).toEqual([code, "y".repeat(70)]);
  expect(shownOf(`\`\`\`\n${"let a = 1 ".repeat(20)}\n\`\`\``, 75).length).toBe(4);
});
