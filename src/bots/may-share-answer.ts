import { compareQuestions, questionSignature } from "#core/same-question.ts";
import { readQuestion } from "#core/same-question-reading.ts";

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
  /** Undefined when nobody or both are spoken of. */
  readonly person: "asker" | "assistant" | undefined;
}

/** Symbols, and marks that stand where one reckons: 10 / 2, but not and/or, not e-mail. Code is often in backticks. */
const SIGN = /(?!`)\p{S}|(?<=[\p{N})]\s*)[-*/](?=\s*[\p{N}(])/gu;
const COMPARING =
  /\b(?:than|into|onto|over|above|below|acima|abaixo|(?:maior|menor|melhor|pior|mais|menos)\b.*\bque)\b/u;
const ASKER = /\b(?:my|mine|am i|meus?|minhas?|sou|estou)\b/u;
const ASSISTANT = /\b(?:yours?|are you|teus?|tuas?|seus?|suas?)\b/u;

function read(question: string): Order {
  const { meanings, names, numbers } = readQuestion(question);
  const plain = question.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const [isOfAsker, isOfAssistant] = [ASKER.test(plain), ASSISTANT.test(plain)];
  return {
    meanings: [...meanings],
    names: [...meanings].filter((meaning) => names.has(meaning)),
    digits: plain.match(/\p{N}+(?:[.,:]\p{N}+)*/gu) ?? [],
    words: plain.match(/[\p{L}\p{N}]+/gu) ?? [],
    signs: plain.match(SIGN) ?? [],
    isOrderBound: COMPARING.test(plain) || numbers.filter((number) => !/^\p{N}/u.test(number)).length > 1,
    person: isOfAsker === isOfAssistant ? undefined : isOfAsker ? "asker" : "assistant",
  };
}

/** Whether what both have stands in another order. */
function isReordered(some: readonly string[], others: readonly string[]): boolean {
  const shared = (words: readonly string[], than: readonly string[]) =>
    [...new Set(words)].filter((word) => than.includes(word)).join(" ");
  return shared(some, others) !== shared(others, some);
}
