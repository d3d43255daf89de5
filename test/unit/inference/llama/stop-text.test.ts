import fc from "fast-check";
import { expect, test } from "vitest";
import { StopTextFilter } from "#inference/llama/stop-text.ts";

test("push() cuts in front of a stop text that comes in pieces", () => {
  const filter = new StopTextFilter(["<|im_end|>"]);

  expect(filter.push("Hello <|im")).toEqual({ text: "Hello ", isStopped: false });
  expect(filter.push("_end|> and more")).toEqual({ text: "", isStopped: true });
});

test("push() lets go of a beginning that became something else", () => {
  const filter = new StopTextFilter(["<|im_end|>"]);

  expect(filter.push("a <|im").text + filter.push("age").text + filter.flush()).toBe("a <|image");
});

test("flush() returns what was held back", () => {
  const filter = new StopTextFilter(["###"]);
  filter.push("tail ##");

  expect(filter.flush()).toBe("##");
  expect(filter.flush()).toBe("");
});

test("push() passes everything up to the first stop text, however the text is cut", () => {
  const piece = fc.constantFrom("<", "|", "end", "<|end", "|>", "<|end|>", "x", "é");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const filter = new StopTextFilter(["<|end|>"]);
      let text = "";
      let isStopped = false;
      for (const next of pieces) {
        if (isStopped) break;
        const outcome = filter.push(next);
        text += outcome.text;
        isStopped = outcome.isStopped;
      }
      if (!isStopped) text += filter.flush();

      expect(text).toBe(pieces.join("").split("<|end|>")[0]);
    }),
  );
});
