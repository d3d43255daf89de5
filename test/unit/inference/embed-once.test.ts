import { expect, test } from "vitest";
import { embedOnce } from "#inference/embed-once.ts";
import type { Embedder } from "#inference/embedder.ts";

/** Its vector tells a text's length; it remembers what it was asked. */
function countingEmbedder(fail: (text: string) => boolean = () => false) {
  const asked: string[] = [];
  const embedder: Embedder = {
    describe: () => ({ id: "counting", digest: "d", dimensions: 1, languages: ["en"] }),
    async embed(texts) {
      asked.push(...texts);
      if (texts.some(fail)) throw new Error("The model is gone");
      return texts.map((text) => Float32Array.of(text.length));
    },
  };
  return { asked, embedder };
}

test("embed() asks once when a text comes again, also while the first is under way", async () => {
  const { asked, embedder } = countingEmbedder();
  const once = embedOnce(embedder);

  const both = await Promise.all([once.embed(["abc"]), once.embed(["abc"])]);
  const later = await once.embed(["abc", "de"]);

  expect(asked).toEqual(["abc", "de"]);
  expect(both).toEqual([[Float32Array.of(3)], [Float32Array.of(3)]]);
  expect(later).toEqual([Float32Array.of(3), Float32Array.of(2)]);
});

test("embed() asks again when the text failed before", async () => {
  let isBroken = true;
  const { embedder } = countingEmbedder(() => isBroken);
  const once = embedOnce(embedder);

  await expect(once.embed(["abc"])).rejects.toThrow("The model is gone");
  isBroken = false;

  expect(await once.embed(["abc"])).toEqual([Float32Array.of(3)]);
});

test("embed() forgets the oldest text when many others came", async () => {
  const { asked, embedder } = countingEmbedder();
  const once = embedOnce(embedder);

  await once.embed(["first"]);
  for (let index = 0; index < 64; index++) await once.embed([`text ${index}`]);
  await once.embed(["first"]);

  expect(asked.filter((text) => text === "first")).toHaveLength(2);
});

test("embed() rejects when the embedder gives no vector", async () => {
  const { embedder } = countingEmbedder();
  const once = embedOnce({ ...embedder, embed: async () => [] });

  await expect(once.embed(["abc"])).rejects.toThrow(TypeError);
});

test("describe() tells the embedder beneath", () => {
  expect(embedOnce(countingEmbedder().embedder).describe().id).toBe("counting");
});
