import { QUESTION_MAX_CHARS, type QuestionReading, readQuestion } from "./same-question-reading.ts";
import type { QuestionKind } from "./same-question-words.ts";

export interface QuestionComparison {
  readonly same: boolean;
  /** For the operator: what differs, without the words of the user; empty when nothing does. */
  readonly reason: string;
}

/**
 * Whether one answer serves both questions. Embeddings put "enable" next to "disable" and 10 next to 20, so closeness
 * only proposes and these rules decide; in doubt they say no, which costs one generated answer.
 */
export function compareQuestions(asked: string, stored: string): QuestionComparison {
  if (Math.max(asked.length, stored.length) > QUESTION_MAX_CHARS) {
    return asked === stored ? { same: true, reason: "" } : { same: false, reason: "too long to compare" };
  }
  const reason = differenceOf(readQuestion(asked), readQuestion(stored));
  return { same: reason === undefined, reason: reason ?? "" };
}

/**
 * A key for a near look-up without a model: equal when the subject, numbers and negations are, whatever the grammar,
 * politeness, word order and known synonyms. It only proposes, as a vector does: `compareQuestions` decides.
 */
export function questionSignature(question: string): string {
  const { language, numbers, negations, reversals, meanings } = readQuestion(question);
  return JSON.stringify([language, negations, reversals, numbers, [...meanings].sort()]);
}

/** Words that one question may have and the other lack: a detail that was understood, "my new account". */
const EXTRA_WORDS_MAX = 1;

function differenceOf(asked: QuestionReading, stored: QuestionReading): string | undefined {
  if (asked.language !== stored.language) return "another language";
  if (asked.numbers.join(" ") !== stored.numbers.join(" ")) return "numbers, units or dates differ";
  if (asked.negations !== stored.negations) return "one is negated";
  if (asked.reversals.join(" ") !== stored.reversals.join(" ")) return "one asks how to avoid it";
  if (!areKindsAlike(asked.kind, stored.kind)) return "another kind of question";
  const missing = without(stored.meanings, asked.meanings);
  const added = without(asked.meanings, stored.meanings);
  if ([...missing, ...added].some((word) => asked.names.has(word) || stored.names.has(word))) return "names differ";
  if (missing.length > 0 && added.length > 0) return "a word that matters differs";
  if ([...missing, ...added].some((word) => asked.known.has(word) || stored.known.has(word)))
    return "one asks for more";
  if (missing.length + added.length > EXTRA_WORDS_MAX) return "one says more than the other";
  if (asked.meanings.size - added.length < MEANINGS_SHARED_MIN && missing.length + added.length > 0)
    return "too few words";
  if (areRolesSwapped(asked, stored)) return "the parts are swapped";
  if (asked.kind === "whether" && asked.people && stored.people && asked.isAboutSelf !== stored.isAboutSelf)
    return "another person acts";
  return undefined;
}

/** Two questions of one word each say too little to ignore a second word. */
const MEANINGS_SHARED_MIN = 2;

/** "What" asks for many things that the narrower question words ask for too. */
function areKindsAlike(asked: QuestionKind, stored: QuestionKind): boolean {
  if (asked === stored) return true;
  const loose = new Set<QuestionKind>(["when", "amount", "how", "who"]);
  return (asked === "what" && loose.has(stored)) || (stored === "what" && loose.has(asked));
}

/** From Anna to Peter against from Peter to Anna; to Canada against from Canada. */
function areRolesSwapped(asked: QuestionReading, stored: QuestionReading): boolean {
  if (asked.language === "other") return without(asked.roles, stored.roles).length > 0;
  for (const role of asked.roles) {
    const part = role.slice(0, role.indexOf(" "));
    const word = wordOf(role);
    const theirs = [...stored.roles].filter((other) => other.endsWith(` ${word}`));
    if (theirs.length > 0 && !theirs.includes(role) && isOpposed(part, theirs)) return true;
    const rivals = [...stored.roles].filter((other) => other.startsWith(`${part} `));
    if (rivals.length === 0 || rivals.includes(role)) continue;
    // The same part for another word: a swap when that word is in both questions too.
    if (ORDERING.has(part) || rivals.some((rival) => asked.meanings.has(wordOf(rival)) && !asked.roles.has(rival))) {
      return true;
    }
  }
  return false;
}

const ORDERING = new Set(["before", "after"]);

function wordOf(role: string): string {
  return role.slice(role.indexOf(" ") + 1);
}

function isOpposed(part: string, theirs: readonly string[]): boolean {
  const opposite = new Map([
    ["from", "to"],
    ["to", "from"],
    ["before", "after"],
    ["after", "before"],
  ]).get(part);
  return opposite !== undefined && theirs.some((other) => other.startsWith(`${opposite} `));
}

function without(words: ReadonlySet<string>, others: ReadonlySet<string>): readonly string[] {
  return [...words].filter((word) => !others.has(word));
}
