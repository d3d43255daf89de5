import type { Score } from "#core/feedback.ts";

const SCORES: readonly Score[] = [1, 2, 3, 4, 5];

/**
 * One emoji for each score, worst first. Emoji themselves where there are any, since every platform knows those; names such as
 * "shrug" mean something on some platforms only.
 */
export function offeredEmoji(scores: ReadonlyMap<string, Score>): readonly string[] {
  const entries = [...scores];
  return SCORES.flatMap((score) => {
    const named = entries.flatMap(([emoji, value]) => (value === score ? [emoji] : []));
    return named.find((emoji) => /\p{Extended_Pictographic}/u.test(emoji)) ?? named[0] ?? [];
  });
}
