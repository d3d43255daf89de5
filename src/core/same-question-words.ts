/**
 * What `compareQuestions` knows about English and Portuguese. Small letters, no accents. Each line of a concept table
 * is one meaning in all its words; a phrase is tried before its words. Opposites stand on lines of their own.
 */
export interface Lexicon {
  /** Carry grammar or politeness, not the subject. */
  readonly fillers: ReadonlySet<string>;
  /** Phrase or word to the first word of its line. */
  readonly concepts: ReadonlyMap<string, string>;
  readonly negations: ReadonlySet<string>;
  /** Words that turn the wish round: "avoid losing". */
  readonly reversals: ReadonlySet<string>;
  readonly numbers: ReadonlyMap<string, string>;
  readonly people: ReadonlySet<string>;
  readonly selves: ReadonlySet<string>;
  /** Before a word they give it a part to play: from whom, before what. */
  readonly roles: ReadonlyMap<string, string>;
  readonly kinds: readonly (readonly [QuestionKind, RegExp])[];
  /** Endings cut from a word of at least three more letters, longest first. */
  readonly endings: RegExp;
}

export type QuestionKind = "why" | "where" | "who" | "when" | "amount" | "how" | "whether" | "what";

export function words(list: string): ReadonlySet<string> {
  return new Set(list.split(/\s+/u));
}

export function conceptsOf(table: string): ReadonlyMap<string, string> {
  const concepts = new Map<string, string>();
  for (const line of table.trim().split("\n")) {
    const [first = "", ...others] = line.split("|");
    for (const word of [first, ...others]) concepts.set(word, first);
  }
  return concepts;
}

export function numbersOf(
  counting: string,
  measures: string,
  extra: readonly (readonly [string, string])[],
): ReadonlyMap<string, string> {
  const numbers = new Map<string, string>(extra);
  const [zero = "", ...rest] = counting.split(/\s+/u);
  numbers.set(zero, "0");
  for (const [index, word] of rest.entries()) numbers.set(word, String(index + 2));
  for (const [word, measure] of conceptsOf(measures)) numbers.set(word, measure);
  return numbers;
}
