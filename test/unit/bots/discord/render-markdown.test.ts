import fc from "fast-check";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";
import { expect, test } from "vitest";
import { renderMarkdown } from "#bots/discord/render-markdown.ts";
import { generateAnswer, wordsOf } from "../../../fixtures/bots/generated-answer.ts";

test.each([
  ["plain text as it is", "one *two* `three`\nfour", "one *two* `three`\nfour"],
  ["a heading of the fourth level as bold", "#### Deep **x** head", "**Deep x head**"],
  ["an underlined heading with its mark", "Title\n===", "# Title"],
  ["a closed heading without its end", "## Two ##", "## Two"],
  ["an image as a link", "![a cat](https://e.org/c.png)", "[a cat](<https://e.org/c.png>)"],
  ["an image without words as its address", "![](https://e.org/c.png)", "<https://e.org/c.png>"],
  ["a reference as a link", "see [it][1]\n\n[1]: https://e.org", "see [it](<https://e.org>)\n\n[1]: https://e.org"],
  ["a title of a link", '[a](https://e.org "t")', '[a](<https://e.org> "t")'],
  ["tasks as boxes", "- [ ] open\n- [x] done", "- ☐ open\n- ☑ done"],
  ["footnotes as numbers", "so[^1]\n\n[^1]: because", "so[1]\n\n[1] because"],
  ["HTML as text", "<b>bold</b><br>", "<b>bold</b><br>"],
  ["entities as what they mean", "a &amp; b &lt; c", "a & b < c"],
  ["strong underscores as stars", "__yes__ and ~no~", "**yes** and ~~no~~"],
  ["spoiler marks as text", "a || b || c", "a \\|\\| b \\|\\| c"],
  ["small print marks as text", "-# not small", "\\-# not small"],
  ["a rule as a line", "a\n\n---\n\nb", "a\n\n───────────────\n\nb"],
  ["other bullets and numbers", "+ a\n+ b\n\n1) c", "- a\n- b\n\n1. c"],
  ["a fence of tildes", "~~~js title\nx\n~~~", "```js\nx\n```"],
  ["a fence within a fence", "````md\n```\nx\n```\n````", "```md\n`\u200b`\u200b`\nx\n`\u200b`\u200b`\n```"],
  ["indented code in a fence", "a\n\n    code\n    more\n\nb", "a\n\n```\ncode\nmore\n```\n\nb"],
  ["an open fence as it is", "```js\nlet a", "```js\nlet a"],
  ["a hard break as a line", "a\\\nb", "a\nb"],
])("renderMarkdown() shows %s", (_, markdown, shown) => {
  expect(renderMarkdown(markdown)).toBe(shown);
});

test("renderMarkdown() shows a table as aligned code, also in a quote and with wide letters", () => {
  const table = "| a | number |\n|---|--:|\n| 日本 | 1 |\n| `x` | 20 |";

  expect(renderMarkdown(table)).toBe(
    ["```", "a    | number", "-----|-------", "日本 |      1", "x    |     20", "```"].join("\n"),
  );
  expect(renderMarkdown("> | a | b |\n> |---|---|\n> | 1 | 2 |")).toBe(
    ["> ```", "> a   | b", "> ----|----", "> 1   | 2", "> ```"].join("\n"),
  );
});

test("renderMarkdown() loses and doubles no word of generated answers", () => {
  for (let seed = 0; seed < 150; seed++) {
    const text = generateAnswer(seed);
    expect(wordsOf(renderMarkdown(text)), `answer ${seed}`).toEqual(wordsOf(text));
  }
});

test("renderMarkdown() keeps what it showed before while the text grows, but for its last block", () => {
  for (let seed = 0; seed < 30; seed++) {
    const text = generateAnswer(seed).slice(0, 4000);
    const whole = renderMarkdown(text);
    for (let length = 100; length < text.length; length += 333) {
      const prefix = text.slice(0, length);
      const lastBlock = prefix.search(/\n\n(?!.*\n\n)/s);
      const settled = renderMarkdown(prefix).slice(0, Math.max(0, lastBlock / 2));
      expect(whole.slice(0, settled.length), `answer ${seed} at ${length}`).toBe(settled);
    }
  }
});

test("renderMarkdown() gives for a text in blocks what it gives for the text in whole", () => {
  const piece = fc.constantFrom(
    "para graph",
    "- item",
    "  more of it",
    "1. one",
    "> quote",
    "> ```",
    "```",
    "~~~~",
    "    code",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "#### head",
    "",
    "",
    "+ [ ] x",
  );
  const parser = unified().use(remarkParse).use(remarkGfm);
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), (lines) => {
      const text = lines.join("\n");
      // Fences are the same number in both dialects: what is code stays code.
      const codes = (markdown: string) => JSON.stringify(parser.parse(markdown)).split('"type":"code"').length - 1;
      const tables = JSON.stringify(parser.parse(text)).split('"type":"table"').length - 1;
      expect(codes(renderMarkdown(text))).toBe(codes(text) + tables);
    }),
    { numRuns: 300, seed: 4 },
  );
});

test("renderMarkdown() answers at once for a long text that it knows but for the end", () => {
  const text = Array.from(
    { length: 400 },
    (_, index) => `#### Part ${index}\n\n| a | b |\n|---|---|\n| ${index} | 2 |\n\n`,
  ).join("");
  renderMarkdown(text);

  const startedAtMs = performance.now();
  renderMarkdown(`${text}and more |`);

  expect(performance.now() - startedAtMs).toBeLessThan(60);
});
