import { compareQuestions, questionSignature } from "./same-question.ts";
import { readQuestion } from "./same-question-reading.ts";

/** The key of the near layer's first look-up; undefined for a question too small to be like another: "Who are you?" */
export function nearSignature(question: string): string | undefined {
  const { language, meanings } = readQuestion(question);
  return language === "other" || meanings.size === 0 ? undefined : questionSignature(question);
}

/**
 * Why one answer must not serve both questions; undefined when it may. `compareQuestions` weighs words whatever their
 * order, so that "the limit of the container" is "the container's limit". Here are the cases where order, signs or
 * person carry the meaning; in doubt it refuses, which costs one generated answer.
 */
export function refuseSharing(asked: string, stored: string): string | undefined {
  const { same, reason } = compareQuestions(asked, stored);
  if (!same) return reason;
  const [one, other] = [read(asked), read(stored)];
  if (one.meanings.length === 0 || other.meanings.length === 0) return "too few words";
  if (one.signs.join(" ") !== other.signs.join(" ")) return "signs differ";
  if (isReordered(one.names, other.names) || isReordered(one.digits, other.digits)) return "the parts are swapped";
  if ((one.isOrderBound || other.isOrderBound) && isReordered(one.words, other.words)) return "the parts are swapped";
  if (one.asksFor !== other.asksFor && one.asksFor !== undefined && other.asksFor !== undefined)
    return "the parts are swapped";
  if (one.isAboutWho && other.isAboutWho && isReordered(one.meanings, other.meanings)) return "the parts are swapped";
  if (one.person !== undefined && other.person !== undefined && one.person !== other.person) return "another person";
  return undefined;
}

interface Order {
  readonly meanings: readonly string[];
  readonly names: readonly string[];
  readonly digits: readonly string[];
  /** Small letters, no accents, as written. */
  readonly words: readonly string[];
  readonly signs: readonly string[];
  /** Compares, or names two units: "5 miles in km" is not "5 km in miles". */
  readonly isOrderBound: boolean;
  /** "Who teaches Anna?" asks for who acts, "Who does Anna teach?" for whom; undefined for questions of another form. */
  readonly asksFor: "subject" | "object" | undefined;
  readonly isAboutWho: boolean;
  /** Undefined when nobody or both are spoken of. */
  readonly person: "asker" | "assistant" | undefined;
}

/** Symbols, and marks that stand where one reckons: 10 / 2, but not and/or, not e-mail. Code is often in backticks. */
const SIGN = /(?!`)\p{S}|(?<=[\p{N})]\s*)[-*/](?=\s*[\p{N}(])/gu;
const COMPARING =
  /\b(?:than|into|onto|over|above|below|acima|abaixo|(?:maior|menor|melhor|pior|mais|menos)\b.*\bque)\b/u;
const ASKS_FOR_OBJECT = /^(?:whom\b|(?:who|what) (?:do|does|did)\b)/u;
/** A full verb follows: no form of "to be" or "to have", and nothing that another verb must follow. */
const ASKS_FOR_SUBJECT =
  /^(?:who|what) (?!(?:am|is|are|was|were|be|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would|s|re|kind|type|sort|about|if)\b)\p{L}+(?:s|ed)\b/u;
const ABOUT_WHO = /^(?:whom?|quem|(?:a|de|com|para) quem)\b/u;
const ASKER = /\b(?:my|mine|am i|meus?|minhas?|sou|estou)\b/u;
const ASSISTANT = /\b(?:yours?|are you|teus?|tuas?|seus?|suas?)\b/u;

function read(question: string): Order {
  const { meanings, names, numbers } = readQuestion(question);
  const plain = question.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  const spoken = words.join(" ");
  const [isOfAsker, isOfAssistant] = [ASKER.test(plain), ASSISTANT.test(plain)];
  return {
    meanings: [...meanings],
    names: [...meanings].filter((meaning) => names.has(meaning)),
    digits: plain.match(/\p{N}+(?:[.,:]\p{N}+)*/gu) ?? [],
    words,
    signs: plain.match(SIGN) ?? [],
    isOrderBound: COMPARING.test(plain) || numbers.filter((number) => !/^\p{N}/u.test(number)).length > 1,
    asksFor: ASKS_FOR_OBJECT.test(spoken) ? "object" : ASKS_FOR_SUBJECT.test(spoken) ? "subject" : undefined,
    isAboutWho: ABOUT_WHO.test(spoken),
    person: isOfAsker === isOfAssistant ? undefined : isOfAsker ? "asker" : "assistant",
  };
}

/** Whether what both have stands in another order. */
function isReordered(some: readonly string[], others: readonly string[]): boolean {
  const shared = (words: readonly string[], than: readonly string[]) =>
    [...new Set(words)].filter((word) => than.includes(word)).join(" ");
  return shared(some, others) !== shared(others, some);
}
