import { normaliseText } from "#core/text-similarity.ts";
import type { PairRow } from "./dataset-row.ts";
import type { Sample } from "./dataset-samples.ts";

export type UnsplitPair = Omit<PairRow, "split" | "conversation"> & { readonly sample: Sample };

/** A chain or a popular question could otherwise give pairs by the square. */
const PAIRS_PER_REPLY_MAX = 4;

/**
 * Better and worse replies to one prompt: a correction over the reply it mends, a liked reply over its regenerations, and a liked
 * over a disliked reply where the same question opened two conversations. `rootOf` names the first turn of a regeneration chain.
 */
export function pairUp(samples: readonly Sample[], rootOf: (turnId: string) => string): readonly UnsplitPair[] {
  const pairs = [
    ...samples.flatMap(pairOfCorrection),
    ...groupsOf(samples, (sample) => rootOf(sample.turnId)).flatMap((chain) =>
      pairsBetween("regeneration", chain, (worse, better) => {
        return worse.opinion !== "liked" && worse.correction === undefined && hasSamePrompt(worse, better);
      }),
    ),
    ...groupsOf(samples, questionAlone).flatMap((same) =>
      pairsBetween("same-question", same, (worse, better) => {
        return worse.opinion === "disliked" && rootOf(worse.turnId) !== rootOf(better.turnId);
      }),
    ),
  ];
  const seen = new Set<string>();
  return pairs.filter((pair) => {
    const key = JSON.stringify([pair.messages, pair.liked, pair.disliked]);
    return !seen.has(key) && seen.add(key);
  });
}

function pairOfCorrection(sample: Sample): readonly UnsplitPair[] {
  const { correction, reply } = sample;
  return correction === undefined || reply === undefined
    ? []
    : makePair("correction", sample, [sample.turnId], correction.text, reply);
}

function pairsBetween(
  source: PairRow["source"],
  group: readonly Sample[],
  isWorse: (worse: Sample, better: Sample) => boolean,
): readonly UnsplitPair[] {
  return group.flatMap((better) => {
    const liked = better.correction?.text ?? (better.opinion === "liked" ? better.reply : undefined);
    if (liked === undefined) return [];
    return group
      .filter((worse) => worse !== better && isWorse(worse, better))
      .slice(0, PAIRS_PER_REPLY_MAX)
      .flatMap((worse) =>
        worse.reply === undefined ? [] : makePair(source, better, [better.turnId, worse.turnId], liked, worse.reply),
      );
  });
}

function makePair(
  source: PairRow["source"],
  sample: Sample,
  turnIds: readonly string[],
  liked: string,
  disliked: string,
): readonly UnsplitPair[] {
  if (normaliseText(liked) === normaliseText(disliked)) return [];
  return [
    { id: `${source}:${turnIds.join(":")}`, turnIds, source, messages: sample.messages, liked, disliked, sample },
  ];
}

function hasSamePrompt(a: Sample, b: Sample): boolean {
  return JSON.stringify(a.messages) === JSON.stringify(b.messages);
}

/** Undefined for a follow-up: its meaning hangs on its history. */
function questionAlone(sample: Sample): string | undefined {
  return sample.isAlone ? normaliseText(sample.question) : undefined;
}

function groupsOf(samples: readonly Sample[], keyOf: (sample: Sample) => string | undefined): readonly Sample[][] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = keyOf(sample);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [sample]);
    else group.push(sample);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
