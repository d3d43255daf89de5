/** Lower case, compatibility forms and accents kept, punctuation gone, one space between words. Emoji stay. */
export function normaliseText(text: string): string {
  const words = text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\p{P}\s]+/gu, " ")
    .trim();
  return words === "" ? text.trim().toLowerCase() : words;
}

/** Three, so that a plural in a short question is still a near copy: with five, "password" and "passwords" fall to 0.80. */
const SHINGLE_LENGTH = 3;

/** Runs of three characters of a normalised text, the whole of it when it is shorter. */
export function shinglesOf(normalised: string): ReadonlySet<string> {
  const letters = Array.from(normalised);
  if (letters.length <= SHINGLE_LENGTH) return new Set([normalised]);
  const shingles = new Set<string>();
  for (let start = 0; start + SHINGLE_LENGTH <= letters.length; start++) {
    shingles.add(letters.slice(start, start + SHINGLE_LENGTH).join(""));
  }
  return shingles;
}

/** "order 4411" and "order 4412" look alike and are different facts; so do a sentence and its negation. */
export function differsInFacts(normalisedA: string, normalisedB: string): boolean {
  return factsOf(normalisedA) !== factsOf(normalisedB);
}

function factsOf(normalised: string): string {
  const facts = normalised.match(FACT) ?? [];
  return facts.map((fact) => fact.trim()).join(" ");
}

/** Numbers, and words of negation in the two languages of the router. */
const FACT =
  /\p{N}+|(?<!\p{L})(?:not|no|never|without|cannot|can t|don t|doesn t|isn t|won t|não|nao|nunca|sem|nem)(?!\p{L})/gu;
