import fc from "fast-check";
import { expect, test } from "vitest";
import { cutAt, fallbackText, hasLink, renderMarkdown } from "#bots/slack/render-markdown.ts";

test.each([
  ["<!channel> and <!here>", "<!channe\u2060l> and <!her\u2060e>"],
  ["&lt;!everyone&gt;", "&lt;!everyon\u2060e&gt;"],
  ["<!subteam^S1|@team>", "<!subtea\u2060m^S1|@team>"],
  ["<@U123> <@W9|ana>", "<@U\u2060123> <@W\u20609|ana>"],
  ["<\\!channel> <\\@U123>", "<\\\u2060!channel> <\\\u2060@U123>"],
  ["<&#33;here> &commat;here <!chan&#110;el>", "<&#33\u2060;here> &commat\u2060;here <!chan&#110\u2060;el>"],
  ["@channel @HERE @everyone", "@channe\u2060l @HER\u2060E @everyon\u2060e"],
])("renderMarkdown() breaks what would ping: %s", (markdown, rendered) => {
  expect(renderMarkdown(markdown)).toBe(rendered);
});

test.each([
  "**bold** _it_ `code` [link](https://example.com?q=1)",
  "```html\n<!DOCTYPE html><!-- note -->\n```",
  "ana@example.com, @ana, <#C123|general>, a < b && c > d",
  "it&#39;s &quot;so&quot; &amp; &lt;b&gt; C:\\!new",
])("renderMarkdown() leaves alone what pings nobody: %s", (markdown) => {
  expect(renderMarkdown(markdown)).toBe(markdown);
});

const pieces = fc.constantFrom(
  "<",
  "!",
  "@",
  "&lt;",
  "channel",
  "here",
  "everyone",
  "subteam^S1",
  "U1",
  "W",
  ">",
  "a ",
  "\n",
  "😀",
);

test("renderMarkdown() of a beginning is the beginning of the whole, and nothing in it pings", () => {
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), fc.nat(), (parts, seed) => {
      const text = parts.join("");
      const rendered = renderMarkdown(text);
      expect(rendered.startsWith(renderMarkdown(text.slice(0, seed % (text.length + 1))))).toBe(true);
      expect(rendered).not.toMatch(/(@|[<;]!)(channel|here|everyone)|[<;]!subteam|[<;]@[UWB][A-Z0-9]/i);
      expect(rendered.replaceAll("\u2060", "")).toBe(text);
    }),
    { seed: 5, numRuns: 300 },
  );
});

test.each([
  "https://example.com",
  "see http://x",
  "www.example.com",
  "[here](evil)",
  "example.com/?q=1",
  "secret.example.com",
])("hasLink() finds what Slack could make a link of: %s", (text) => {
  expect(hasLink(text)).toBe(true);
});

test.each(["Node.js and README.md", "e.g. this", "3.14, 10:30", "and/or", "a [b] (c)"])(
  "hasLink() passes what is no link: %s",
  (text) => {
    expect(hasLink(text)).toBe(false);
  },
);

test("fallbackText() escapes all of Slack's markup and stays short", () => {
  expect(fallbackText("<!channel> & <@U1>")).toBe("&lt;!channel&gt; &amp; &lt;@U1&gt;");
  expect(fallbackText("x".repeat(9000))).toHaveLength(3000);
});

test("cutAt() cuts no character in half", () => {
  expect(cutAt("ab😀", 3)).toBe("ab");
  expect(cutAt("ab😀", 4)).toBe("ab😀");
});
