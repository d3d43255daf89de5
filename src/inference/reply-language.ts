import type { Platform, Visibility } from "#core/scope.ts";

/**
 * The system prompt for one question, asked in a place that may have a prompt and a language of its own; without a place the
 * configuration's. Serving, data sets and evaluation ask the same one, so that they agree.
 */
export type SystemPromptFor = (question: string, place?: PromptPlace) => Promise<string>;

export interface PromptPlace {
  readonly platform: Platform;
  readonly workspaceId: string;
  readonly channelId?: string;
  readonly visibility?: Visibility;
}

/** Of a language over English, in the detector's scores (0 to 1): "Password reset?" looks Italian by 0.1. */
const LEAD_MIN = 0.1;
/** In Latin letters fewer words tell nothing: "Log folder?" looks Danish. */
const WORDS_MIN = 3;
const LETTER_NOT_LATIN = /[^\P{L}\p{Script=Latin}]/u;

/**
 * `replyLanguage` is a code of two letters, or `auto`: the question's own language, named to the model when it is surely
 * not English. English is what models speak unasked, so it adds no words.
 */
export function createSystemPrompt(systemPrompt: string, replyLanguage: string): SystemPromptFor {
  return async (question) => {
    const language = replyLanguage === "auto" ? await languageOf(question) : replyLanguage;
    if (language === "en") return systemPrompt;
    const order = `Answer in ${nameOf(language)}.`;
    return systemPrompt === "" ? order : `${systemPrompt}\n${order}`;
  };
}

/** Questions whose language is kept: those that a cache answers come again and again. */
const KEPT_MAX = 500;
const KEPT_CHARS_MAX = 500;
const kept = new Map<string, string>();

async function languageOf(question: string): Promise<string> {
  const known = kept.get(question);
  if (known !== undefined) return known;
  const language = await detectLanguage(question);
  if (question.length > KEPT_CHARS_MAX) return language;
  if (kept.size >= KEPT_MAX) kept.clear();
  kept.set(question, language);
  return language;
}

/** "en" also when unsure. The detector's 85 MB are loaded with the first question, not at start-up. */
async function detectLanguage(text: string): Promise<string> {
  const words = text.match(/\p{L}+/gu) ?? [];
  if (words.length < WORDS_MIN && !LETTER_NOT_LATIN.test(text)) return "en";
  const { eld } = await import("eld/extrasmall");
  const detected = eld.detect(text);
  const { language } = detected;
  if (language === "" || !detected.isReliable()) return "en";
  const scores = new Map(Object.entries(detected.getScores()));
  return (scores.get(language) ?? 0) - (scores.get("en") ?? 0) < LEAD_MIN ? "en" : language;
}

function nameOf(language: string): string {
  return new Intl.DisplayNames(["en"], { type: "language" }).of(language) ?? language;
}
