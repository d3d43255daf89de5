import fc from "fast-check";
import { expect, test } from "vitest";
import { heldBack, maskBlockedWords } from "#bots/moderate-reply.ts";

const star = (chars: number) => "\u2217".repeat(chars);

test.each([
  ["a bad day", ["bad"], `a ${star(3)} day`],
  ["BAD, Bad; bad!", ["bad"], `${star(3)}, ${star(3)}; ${star(3)}!`],
  ["badly badminton sinbad", ["bad"], "badly badminton sinbad"],
  ["**bad** _bad_ `bad`", ["bad"], `**${star(3)}** _${star(3)}_ \`${star(3)}\``],
  ["Não, não e NAO", ["nao"], `${star(3)}, ${star(3)} e ${star(3)}`],
  ["na\u0303o", ["não"], star(3)],
  ["die STRASSE", ["Straße"], `die ${star(7)}`],
  ["b\u200Bad b\u00ADad", ["bad"], `${star(3)} ${star(3)}`],
  ["foo bar, foo-bar, foo\n bar, foo, bar", ["foo bar"], `${star(7)}, ${star(7)}, ${star(8)}, foo, bar`],
  ["use C++ or c+", ["c++"], `use ${star(3)} or c+`],
  ["abc++", ["c++"], "abc++"],
  ["你是傻瓜吗", ["傻瓜"], `你是${star(2)}吗`],
  ["say 💩 now", ["💩"], `say ${star(1)} now`],
  ["слово СЛОВО словом", ["слово"], `${star(5)} ${star(5)} словом`],
  ["bar foo bar", ["bar foo", "foo bar"], star(11)],
  ["nothing", [], "nothing"],
  ["nothing", ["", "  "], "nothing"],
])("maskBlockedWords() masks whole words whatever their case and accents: %s", (text, words, masked) => {
  expect(maskBlockedWords(text, words)).toBe(masked);
});

test.each([
  ["a ba", ["bad"], 2],
  ["a bad", ["bad"], 3],
  ["a bad ", ["bad"], 0],
  ["a bax", ["bad"], 0],
  ["a xba", ["bad"], 0],
  ["so foo", ["foo bar"], 3],
  ["so foo b", ["foo bar"], 5],
  ["so foo x", ["foo bar"], 0],
  ["bar foo b", ["bar foo", "foo bar"], 9],
  ["use C+", ["c++"], 2],
  ["use C++", ["c++"], 0],
  ["你是傻", ["傻瓜"], 1],
  ["anything", [], 0],
])("heldBack() holds what may become a blocked word: %s", (text, words, chars) => {
  expect(heldBack(text, words)).toBe(chars);
});

test("heldBack() lets a growing text be shown so that it only grows and never shows a blocked word", () => {
  const pieces = [
    "foo",
    "bar",
    "Bá",
    "d",
    "bad",
    " ",
    "-",
    "\n",
    "c+",
    "+",
    "傻",
    "瓜",
    "\u0301",
    "\u200B",
    "x",
    "😀",
    ",",
  ];
  const words = fc.uniqueArray(fc.constantFrom("bad", "foo bar", "bar foo", "c++", "傻瓜", "foo", "x"), {
    minLength: 1,
  });
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 24 }), words, (parts, blocked) => {
      const whole = maskBlockedWords(parts.join(""), blocked);
      let text = "";
      for (const part of parts) {
        text += part;
        const shown = maskBlockedWords(text.slice(0, text.length - heldBack(text, blocked)), blocked);
        expect(whole.startsWith(shown)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("maskBlockedWords() masks a long reply with thousands of blocked words in a blink", () => {
  const words = Array.from({ length: 5000 }, (_, index) => `blocked${index}`);
  const text = "A word that is blocked4999, and ünblocked ones. ".repeat(1250);
  maskBlockedWords("", words);
  const startedAtMs = performance.now();

  const masked = maskBlockedWords(text, words);

  expect(performance.now() - startedAtMs).toBeLessThan(500);
  expect(masked).not.toContain("blocked4999");
  expect(masked).toHaveLength(text.length);
});
