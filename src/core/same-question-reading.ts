import { ENGLISH } from "./same-question-english.ts";
import { PORTUGUESE } from "./same-question-portuguese.ts";
import type { Lexicon, QuestionKind } from "./same-question-words.ts";

/** What two questions are compared by. Sets of words are sorted. */
export interface QuestionReading {
  readonly language: "en" | "pt" | "other";
  readonly kind: QuestionKind;
  /** Numbers, versions, units, weekdays and months, in one spelling. */
  readonly numbers: readonly string[];
  readonly negations: number;
  readonly reversals: readonly string[];
  /** Meanings of the words that carry the subject; names and codes as they are written, in small letters. */
  readonly meanings: ReadonlySet<string>;
  /** Those of them that are written like a name or a code. */
  readonly names: ReadonlySet<string>;
  /** Those of them that the tables know: never a mere detail. */
  readonly known: ReadonlySet<string>;
  /** "from anna", "to peter", "before migration". */
  readonly roles: ReadonlySet<string>;
  readonly people: boolean;
  readonly isAboutSelf: boolean;
}

/** More is not read: what follows would not be compared. */
export const QUESTION_MAX_CHARS = 2000;
const PHRASE_WORDS_MAX = 4;

export function readQuestion(question: string): QuestionReading {
  const written = wordsOf(question.slice(0, QUESTION_MAX_CHARS));
  const plain = written.map((word) => fold(word.text));
  const language = languageOf(plain);
  if (language === undefined) return readForeign(written, plain);
  const lexicon = language === "en" ? ENGLISH : PORTUGUESE;
  const numbers: string[] = [];
  const reversals: string[] = [];
  const meanings = new Set<string>();
  const names = new Set<string>();
  const known = new Set<string>();
  const roles = new Set<string>();
  let negations = 0;
  let role: string | undefined;
  for (let at = 0; at < plain.length; ) {
    const word = plain[at] ?? "";
    const begins = lexicon.roles.get(word);
    // "Antes da migração": the small word after "before" gives no part of its own.
    if (begins !== undefined && !isOrder(role)) role = begins;
    const number = phraseAt(plain, at, lexicon.numbers);
    const concept = phraseAt(plain, at, lexicon.concepts);
    if (/^[\d%]/u.test(word) && !/^\d+fa$/u.test(word)) numbers.push(...splitNumber(word, lexicon));
    else if (number !== undefined && !(concept !== undefined && concept.length > number.length))
      numbers.push(number.meaning);
    else if (lexicon.negations.has(word)) negations += 1;
    else if (lexicon.reversals.has(word)) reversals.push(word);
    else if (concept !== undefined || !lexicon.fillers.has(word) || isCode(written[at]?.text ?? "")) {
      const name = concept === undefined && isName(written[at], word, lexicon);
      const meaning = concept?.meaning ?? (name ? word : word.replace(stem(word, lexicon), ""));
      meanings.add(meaning);
      if (name) names.add(word);
      if (concept !== undefined) known.add(meaning);
      if (begins === undefined) {
        if (role !== undefined) roles.add(`${role} ${meaning}`);
        role = undefined;
      }
    }
    at += Math.max(number?.length ?? 1, concept?.length ?? 1);
  }
  return {
    language,
    kind: kindOf(plain.join(" "), lexicon),
    numbers: numbers.toSorted(),
    negations,
    reversals: reversals.toSorted(),
    meanings,
    names,
    known,
    roles,
    people: plain.some((word) => lexicon.people.has(word)),
    isAboutSelf: plain.some((word) => lexicon.selves.has(word)),
  };
}

function isOrder(role: string | undefined): boolean {
  return role === "before" || role === "after";
}

interface WrittenWord {
  readonly text: string;
  readonly startsSentence: boolean;
}

/** Versions and codes stay whole: 3.11, node.js, user_id; a hyphen parts words, except after a letter of a code. */
function wordsOf(question: string): readonly WrittenWord[] {
  const text = question
    .normalize("NFKC")
    .replace(/n['’]t\b/giu, " not")
    .replace(/['’]s\b/gu, "");
  const words: WrittenWord[] = [];
  for (const match of text.matchAll(
    /%|\p{N}+(?:[.,:]\p{N}+)*[\p{L}%]*|[\p{L}\p{N}\p{M}_]+(?:[.@/][\p{L}\p{N}_]+)*[#+]*/gu,
  )) {
    words.push({ text: match[0], startsSentence: /(?:^|[.?!:]\s*)["'(]*$/u.test(text.slice(0, match.index)) });
  }
  return words;
}

function fold(word: string): string {
  return word.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Undefined when neither language has more of the small words. */
function languageOf(plain: readonly string[]): "en" | "pt" | undefined {
  const english = plain.filter((word) => ENGLISH.fillers.has(word) || ENGLISH.negations.has(word)).length;
  const portuguese = plain.filter((word) => PORTUGUESE.fillers.has(word) || PORTUGUESE.negations.has(word)).length;
  if (english === portuguese) return undefined;
  return english > portuguese ? "en" : "pt";
}

/** Any other language: every word counts as it is written. */
function readForeign(written: readonly WrittenWord[], plain: readonly string[]): QuestionReading {
  return {
    language: "other",
    kind: "what",
    numbers: plain.filter((word) => /\p{N}/u.test(word)).toSorted(),
    negations: 0,
    reversals: [],
    meanings: new Set(plain),
    names: new Set(written.map((word) => fold(word.text))),
    known: new Set(plain),
    roles: new Set([plain.join(" ")]),
    people: false,
    isAboutSelf: false,
  };
}

/** The longest phrase of the table that starts here. */
function phraseAt(
  plain: readonly string[],
  at: number,
  table: ReadonlyMap<string, string>,
): { readonly meaning: string; readonly length: number } | undefined {
  for (let length = Math.min(PHRASE_WORDS_MAX, plain.length - at); length > 0; length--) {
    const meaning = table.get(plain.slice(at, at + length).join(" "));
    if (meaning !== undefined) return { meaning, length };
  }
  return undefined;
}

/** "4gb" is 4 and gb, "10%" is 10 and percent; 3.11 stays whole. */
function splitNumber(word: string, lexicon: Lexicon): readonly string[] {
  const [, digits = "", unit = ""] = /^([\d.,:]*)(.*)$/u.exec(word) ?? [];
  return [digits, unit].filter((part) => part !== "").map((part) => lexicon.numbers.get(part) ?? part);
}

function stem(word: string, lexicon: Lexicon): RegExp | string {
  const ending = lexicon.endings.exec(word.replace(/s$/u, ""));
  const cut = (ending?.[0].length ?? 0) + (word.endsWith("s") ? 1 : 0);
  return word.length - cut >= 3 ? new RegExp(`.{${cut}}$`, "u") : "";
}

/** A capital inside a sentence, more than one capital, or a mark or digit among letters. */
function isName(word: WrittenWord | undefined, plain: string, lexicon: Lexicon): boolean {
  if (word === undefined || lexicon.fillers.has(plain)) return false;
  return isCode(word.text) || (!word.startsSentence && /^\p{Lu}/u.test(word.text));
}

function isCode(text: string): boolean {
  return /\p{L}.*\p{Lu}/u.test(text) || /\p{L}.*[\d_.@/#+]/u.test(text);
}

function kindOf(plain: string, lexicon: Lexicon): QuestionKind {
  return lexicon.kinds.find(([, pattern]) => pattern.test(plain))?.[0] ?? "what";
}
