import { textForLearning } from "#core/text-for-learning.ts";
import type { FilterId } from "./dataset-filters.ts";
import { maskPersonalData } from "./mask-personal-data.ts";
import { type MaskedText, maskSecrets } from "./mask-secrets.ts";

export interface PreparedText {
  readonly text: string;
  readonly secrets: number;
  readonly personalData: number;
}

export type PreparedOrNot = PreparedText | { readonly dropped: FilterId };

/** Makes texts fit for learning: cleaned, then masked. Every text is worked on once a build: histories repeat. */
export class TextPreparer {
  readonly #charactersMax: number;
  readonly #done = new Map<string, PreparedOrNot>();

  /** Longer texts are dropped before any pattern is tried on them. */
  constructor(charactersMax: number) {
    this.#charactersMax = charactersMax;
  }

  /** Many at a time: the search for secrets has a high price per call. */
  async load(raws: Iterable<string>): Promise<void> {
    const cleaned: { readonly raw: string; readonly text: string }[] = [];
    for (const raw of new Set(raws)) {
      if (this.#done.has(raw) || raw.length > this.#charactersMax) continue;
      const result = textForLearning(raw);
      if ("fault" in result) this.#done.set(raw, { dropped: result.fault });
      else cleaned.push({ raw, text: result.text });
    }
    const bare = await maskSecrets(cleaned.map(({ text }) => text));
    for (const [at, { raw, text }] of cleaned.entries()) {
      const masked = bare[at];
      if (masked !== undefined) this.#done.set(raw, finish(text, masked));
    }
  }

  /** Expects a text that was loaded. */
  prepare(raw: string, charactersMax: number): PreparedOrNot {
    if (raw.length > Math.min(charactersMax, this.#charactersMax)) return { dropped: "too-long" };
    const done = this.#done.get(raw);
    if (done === undefined) throw new TypeError("Cannot prepare a text: it was not loaded");
    return done;
  }
}

function finish(cleaned: string, bare: MaskedText): PreparedOrNot {
  if (bare.masked > 0 && isMostlySecret(cleaned, bare.text)) return { dropped: "secret" };
  const masked = maskPersonalData(bare.text);
  return { text: masked.text, secrets: bare.masked, personalData: masked.masked };
}

function isMostlySecret(before: string, after: string): boolean {
  return lettersOf(after.replaceAll("[secret]", "")) < lettersOf(before) / 3;
}

function lettersOf(text: string): number {
  return text.replace(/[^\p{L}\p{N}]/gu, "").length;
}
