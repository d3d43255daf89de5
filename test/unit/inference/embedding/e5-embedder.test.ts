import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelNotFoundError } from "#core/errors.ts";
import { type OpenEmbedder, openE5Embedder } from "#inference/embedding/e5-embedder.ts";
import { readPackedE5 } from "#inference/embedding/packed-e5.ts";

const directory = join(process.cwd(), ".assets", "embedder");

describe.skipIf(!existsSync(join(directory, "e5-small-enpt-q4.bin")))("openE5Embedder()", () => {
  let embedder: OpenEmbedder;
  beforeAll(async () => {
    embedder = await openE5Embedder({ directory });
  });
  afterAll(() => embedder.close());

  const cosine = async (one: string, other: string): Promise<number> => {
    const [a = new Float32Array(), b = new Float32Array()] = await embedder.embed([one, other]);
    return a.reduce((sum, value, index) => sum + value * (b[index] ?? Number.NaN), 0);
  };

  test("embed() returns the vector of the reference program when the text is plain", async () => {
    const [vector = new Float32Array()] = await embedder.embed(["How do I reset my password?"]);
    // First numbers by the C engine of the package; both engines round activations to 8 bits in their own way.
    for (const [index, value] of [0.0698, -0.0223, -0.0003, -0.0538].entries()) {
      expect(Math.abs((vector[index] ?? Number.NaN) - value)).toBeLessThan(0.01);
    }
  });

  test("embed() puts a paraphrase nearer than another question when the words differ", async () => {
    const asked = "Esqueci a senha, como faço para criar outra?";
    expect(await cosine(asked, "Como redefino minha senha?")).toBeGreaterThan(
      await cosine(asked, "Como apago minha conta?"),
    );
  });

  test.each([
    ["empty", ""],
    ["60,000 characters", "word ".repeat(12_000)],
    ["60,000 characters without a space", "x".repeat(60_000)],
    ["the longest compatibility form", "\uFDFA".repeat(5000)],
    ["NUL and lone surrogates", "a\0b\uD800c\uDC00"],
    ["special tokens", "</s><s><unk>"],
  ])("embed() gives a vector of unit length when the text is %s", async (_, text) => {
    const [vector = new Float32Array()] = await embedder.embed([text]);
    expect(vector).toHaveLength(embedder.describe().dimensions);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
  });

  test("embed() rejects when its signal is aborted", async () => {
    await expect(embedder.embed(["a"], AbortSignal.abort())).rejects.toThrow("aborted");
  });

  test("describe() names the content by its hash when open", () => {
    expect(embedder.describe().digest).toMatch(/^[0-9a-f]{64}$/u);
  });
});

test("openE5Embedder() rejects with ModelNotFoundError when the directory has no model", async () => {
  await expect(openE5Embedder({ directory: join(directory, "absent") })).rejects.toThrow(ModelNotFoundError);
});

test("readPackedE5() raises RangeError when the bytes are another file or cut", () => {
  expect(() => readPackedE5(Buffer.from("GGUF0000"))).toThrow(RangeError);
  expect(() => readPackedE5(Buffer.from("E5S1\0\0\0\0abc"))).toThrow(RangeError);
});
