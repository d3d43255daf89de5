import { factsOf, shinglesOf } from "#core/text-similarity.ts";
import { breathe } from "./dataset-breath.ts";

/** For each normalised text the others that are nearly the same; a text without any is absent. */
export type NearTexts = ReadonlyMap<string, ReadonlySet<string>>;

export interface Nearness {
  /** Jaccard similarity of the shingle sets, 0 to 1. */
  readonly similarityMin: number;
  /**
   * 3 for short texts, where a plural must not make a stranger ("password" and "passwords" in a short question: 0.87, with five
   * letters 0.80); 5 for replies, whose triples are too common to look anything up by.
   */
  readonly shingleLength: 3 | 5;
}

/**
 * Every pair whose shingle sets have a Jaccard similarity of at least `similarityMin`, exactly, by prefix filtering (Chaudhuri
 * et al. 2006, Bayardo et al. 2007): with shingles ordered from rare to common, two similar sets must share one of their first
 * few, so only those are indexed. The result does not depend on the order of `texts`, up to the limit of neighbours.
 */
export async function findNearTexts(
  texts: Iterable<string>,
  { similarityMin, shingleLength }: Nearness,
  signal: AbortSignal,
): Promise<NearTexts> {
  const sets = await orderedSets([...new Set(texts)].sort(), shingleLength, signal);
  const near = new Map<string, Set<string>>();
  const index = new Map<number, Shingled[]>();
  let compared = 0;
  for (const set of sets) {
    const seen = new Set<Shingled>();
    for (const shingle of set.ids.slice(0, prefixLength(set.ids.length, similarityMin))) {
      const others = index.get(shingle) ?? [];
      for (let at = others.length - 1; at >= 0; at--) {
        const other = others[at];
        // Sets come by growing size: everything further left is too small to be similar.
        if (other === undefined || other.ids.length < set.ids.length * similarityMin) break;
        if (seen.has(other) || seen.size >= COMPARED_MAX) continue;
        seen.add(other);
        if (++compared % 1000 === 0) await breathe(signal);
        if (set.facts !== other.facts || !isSimilar(set.ids, other.ids, similarityMin)) continue;
        link(near, set.text, other.text);
        link(near, other.text, set.text);
      }
      others.push(set);
      if (others.length > POSTINGS_MAX) others.shift();
      index.set(shingle, others);
    }
    if (++compared % 200 === 0) await breathe(signal);
  }
  return near;
}

/** Limits against texts made to be alike: an honest text meets a few dozen others. */
const COMPARED_MAX = 500;
const POSTINGS_MAX = 500;

interface Shingled {
  readonly text: string;
  readonly facts: string;
  /** Shingles as numbers, the rarest first. */
  readonly ids: readonly number[];
}

/** Small sets first, so that one look at the newest postings finds what can be similar. */
async function orderedSets(
  texts: readonly string[],
  shingleLength: number,
  signal: AbortSignal,
): Promise<readonly Shingled[]> {
  const counts = new Map<string, number>();
  const shingled: { readonly text: string; readonly shingles: ReadonlySet<string> }[] = [];
  for (const [at, text] of texts.entries()) {
    const shingles = shinglesOf(text, shingleLength);
    for (const shingle of shingles) counts.set(shingle, (counts.get(shingle) ?? 0) + 1);
    shingled.push({ text, shingles });
    if (at % 200 === 199) await breathe(signal);
  }
  const byRarity = [...counts].sort(([a, countA], [b, countB]) => countA - countB || (a < b ? -1 : 1));
  const rank = new Map(byRarity.map(([shingle], at) => [shingle, at]));
  await breathe(signal);
  const sets: Shingled[] = [];
  for (const [at, { text, shingles }] of shingled.entries()) {
    sets.push({
      text,
      facts: factsOf(text),
      ids: [...shingles].map((shingle) => rank.get(shingle) ?? 0).sort((a, b) => a - b),
    });
    if (at % 200 === 199) await breathe(signal);
  }
  return sets.sort((a, b) => a.ids.length - b.ids.length);
}

function prefixLength(size: number, similarityMin: number): number {
  return size - Math.ceil(similarityMin * size) + 1;
}

function isSimilar(a: readonly number[], b: readonly number[], similarityMin: number): boolean {
  let shared = 0;
  for (let atA = 0, atB = 0; atA < a.length && atB < b.length; ) {
    const [left = 0, right = 0] = [a[atA], b[atB]];
    if (left === right) shared++;
    if (left <= right) atA++;
    if (right <= left) atB++;
  }
  return shared >= similarityMin * (a.length + b.length - shared);
}

function link(near: Map<string, Set<string>>, from: string, to: string): void {
  const linked = near.get(from);
  if (linked === undefined) near.set(from, new Set([to]));
  else linked.add(to);
}
