/** Lower case, compatibility forms and accents kept, punctuation gone, one space between words. Emoji stay. */
export function normaliseText(text: string): string {
  const words = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\p{P}\s]+/gu, " ")
    .trim();
  return words === "" ? text.trim().toLowerCase() : words;
}

/** Runs of `length` characters of a normalised text, the whole of it when it is shorter. */
export function shinglesOf(normalised: string, length: number): ReadonlySet<string> {
  const letters = Array.from(normalised);
  if (letters.length <= length) return new Set([normalised]);
  const shingles = new Set<string>();
  for (let start = 0; start + length <= letters.length; start++) {
    shingles.add(letters.slice(start, start + length).join(""));
  }
  return shingles;
}

/**
 * The numbers and negations of a normalised text. Where they differ two texts say different things however alike they look:
 * "order 4411" and "order 4412", a sentence and its denial.
 */
export function factsOf(normalised: string): string {
  return (normalised.match(FACT) ?? []).join(" ");
}

/** Numbers, and words of negation in the two languages of the router. */
const FACT =
  /\p{N}+|(?<!\p{L})(?:not|no|never|without|cannot|can t|don t|doesn t|isn t|won t|não|nao|nunca|sem|nem)(?!\p{L})/gu;
