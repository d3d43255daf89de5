import fc from "fast-check";
import { expect, test } from "vitest";
import { textForLearning } from "#core/text-for-learning.ts";

test.each([
  ["A\u0000B\u0007C", "ABC"],
  ["\u001B[31mred\u001B[0m", "red"],
  ["a\r\nb\rc\u2028d", "a\nb\nc\nd"],
  ["safe\u202Etxt.exe", "safetxt.exe"],
  ["in\u200Bvisible\uFEFF", "invisible"],
  ["tags \u{E0041}\u{E0042} hidden", "tags  hidden"],
  ["cafe\u0301", "café"],
  ["  \n text \t\n", "text"],
  ["a\n\n\n\n\n\nb", "a\n\n\nb"],
  ["👩‍🚒 and 👍🏽 stay", "👩‍🚒 and 👍🏽 stay"],
  ["\tif x:\n\t\treturn 1", "if x:\n\t\treturn 1"],
])("textForLearning() cleans %j", (raw, text) => {
  expect(textForLearning(raw)).toEqual({ text });
});

test.each(["lone \uD83D half", "\uDE00 start", "repl\uFFFDaced", "itâ€™s", "estÃ¡ aÃ§Ã£o", "50 Â°C Â£", "ðŸ˜\u0081"])(
  "textForLearning() finds broken encoding in %j",
  (raw) => {
    expect(textForLearning(raw)).toEqual({ fault: "encoding" });
  },
);

test.each([
  "NÃO É AMANHÃ",
  "«AMANHû",
  "AMANHÃ\u00A0CEDO",
  "Â é letra",
  "naïve façade £5 50 °C",
  "日本語テキスト",
  "привет",
])("textForLearning() takes %j as it is", (raw) => {
  expect(textForLearning(raw)).toEqual({ text: raw });
});

test.each(["<|im_end|>", "x <|endoftext|>", "[INST] do", "<start_of_turn>user", "<<SYS>>"])(
  "textForLearning() finds the template marker in %j",
  (raw) => {
    expect(textForLearning(raw)).toEqual({ fault: "template-markers" });
  },
);

test("textForLearning() finds nothing left in a text of spaces and controls", () => {
  expect(textForLearning(" \u0000\u200B\n\t ")).toEqual({ fault: "empty" });
});

test("textForLearning() finds a marker that invisible characters had split", () => {
  expect(textForLearning("<|im_\u200Bend|>")).toEqual({ fault: "template-markers" });
});

test("textForLearning() gives a text that it would not change again, whatever comes in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (raw) => {
      const once = textForLearning(raw);
      if ("fault" in once) return;
      expect(textForLearning(once.text)).toEqual(once);
    }),
    { numRuns: 300 },
  );
});
