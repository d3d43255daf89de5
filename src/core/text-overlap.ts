export interface TokenOverlap {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/**
 * How much of the wanted answer the reply holds (recall) and how much of the reply is wanted (precision), counted in words as
 * SQuAD does (Rajpurkar et al. 2016): lower case, without punctuation and English articles. Two empty texts agree.
 */
export function tokenF1(reply: string, expected: string): TokenOverlap {
  const [got, wanted] = [wordsOf(reply), wordsOf(expected)];
  if (got.length === 0 || wanted.length === 0) {
    const same = got.length === wanted.length ? 1 : 0;
    return { precision: same, recall: same, f1: same };
  }
  const left = new Map<string, number>();
  for (const word of wanted) left.set(word, (left.get(word) ?? 0) + 1);
  let shared = 0;
  for (const word of got) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    shared++;
    left.set(word, count - 1);
  }
  const [precision, recall] = [shared / got.length, shared / wanted.length];
  return { precision, recall, f1: shared === 0 ? 0 : (2 * precision * recall) / (precision + recall) };
}

/** Equal after the same normalisation. */
export function isExactMatch(reply: string, expected: string): boolean {
  return wordsOf(reply).join(" ") === wordsOf(expected).join(" ");
}

/** Scripts that write without spaces are counted by the character, as MLQA does (Lewis et al. 2020). */
function wordsOf(text: string): readonly string[] {
  return text
    .normalize("NFC")
    .toLowerCase()
    .replace(/[\p{P}\p{S}]/gu, "")
    .replace(/(?<![\p{L}\p{N}])(?:a|an|the)(?![\p{L}\p{N}])/gu, " ")
    .replace(/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/gu, " $& ")
    .split(/\s+/u)
    .filter((word) => word !== "");
}
