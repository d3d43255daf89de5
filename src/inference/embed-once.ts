import type { Embedder } from "./embedder.ts";

/** Routing and cache ask for the same question's vector one after the other; so few are enough for all that run at once. */
const REMEMBERED_MAX = 64;

/** The same embedder, which embeds a text once while it is among the last asked for. */
export function embedOnce(embedder: Embedder): Embedder {
  const vectors = new Map<string, Promise<Float32Array>>();

  function embedText(text: string): Promise<Float32Array> {
    const known = vectors.get(text);
    if (known !== undefined) return known;
    const asked = embedder.embed([text]).then(([vector]) => {
      if (vector === undefined) throw new TypeError("Cannot embed a text: the embedder returned no vector");
      return vector;
    });
    vectors.set(text, asked);
    asked.catch(() => vectors.delete(text));
    const [oldest] = vectors.keys();
    if (vectors.size > REMEMBERED_MAX && oldest !== undefined) vectors.delete(oldest);
    return asked;
  }

  return {
    describe: () => embedder.describe(),
    embed: (texts) => Promise.all(texts.map(embedText)),
  };
}
