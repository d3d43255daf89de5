import { compareQuestions, questionSignature } from "#core/same-question.ts";
import type { Embedder } from "#inference/embedder.ts";

/** A stored question with questions that mean the same and questions that do not. */
export interface QuestionCase {
  readonly language: string;
  readonly split: string;
  readonly question: string;
  readonly same: readonly string[];
  readonly negated: readonly string[];
  readonly renumbered: readonly string[];
  readonly renamed: readonly string[];
  readonly other: readonly string[];
}

export interface NearCacheFigures {
  readonly split: string;
  readonly language: string;
  readonly paraphrases: number;
  readonly paraphraseHits: number;
  /** Of those hits, how many have the stored question's signature: found without the embedding model. */
  readonly signatureHits: number;
  readonly wrong: readonly { readonly kind: string; readonly asked: string; readonly answeredAs: string }[];
  /** Questions asked that must not hit, per kind. */
  readonly asked: Readonly<Record<TrapKind, number>>;
  /** One look-up: embedding, search over the stored questions, guards. */
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** The same without the model: reading the question, comparing it with one stored question. */
  readonly signatureP50Ms: number;
}

export const TRAP_KINDS = ["negated", "renumbered", "renamed", "other"] as const;
export type TrapKind = (typeof TRAP_KINDS)[number];

const NEIGHBOURS_MAX = 5;

/** Stores every case's question of a split in one cache, in both languages, then asks all the others. */
export async function benchNearCache(
  embedder: Embedder,
  similarityMin: number,
  cases: readonly QuestionCase[],
  signal?: AbortSignal,
): Promise<readonly NearCacheFigures[]> {
  const figures: NearCacheFigures[] = [];
  for (const split of new Set(cases.map((one) => one.split))) {
    const ofSplit = cases.filter((one) => one.split === split);
    const vectors = await embedder.embed(
      ofSplit.map((one) => one.question),
      signal,
    );
    const stored = ofSplit.map((one, index) => ({
      question: one.question,
      vector: vectors[index] ?? new Float32Array(),
    }));
    for (const language of new Set(ofSplit.map((one) => one.language))) {
      const asked = ofSplit.filter((one) => one.language === language);
      figures.push(await measure({ embedder, similarityMin, stored, split, language, asked, signal }));
    }
  }
  return figures;
}

interface Stored {
  readonly question: string;
  readonly vector: Float32Array;
}

interface Measurement {
  readonly embedder: Embedder;
  readonly similarityMin: number;
  readonly stored: readonly Stored[];
  readonly split: string;
  readonly language: string;
  readonly asked: readonly QuestionCase[];
  readonly signal: AbortSignal | undefined;
}

async function measure(given: Measurement): Promise<NearCacheFigures> {
  const { stored, asked, split, language } = given;
  const times: number[] = [];
  const signatureTimes: number[] = [];
  const wrong: { kind: string; asked: string; answeredAs: string }[] = [];
  let [paraphrases, paraphraseHits, signatureHits] = [0, 0, 0];
  const lookUp = async (question: string): Promise<string | undefined> => {
    const startedMs = performance.now();
    const [vector = new Float32Array()] = await given.embedder.embed([question], given.signal);
    const found = nearest(stored, vector, given.similarityMin).find(
      (one) => compareQuestions(question, one.question).same,
    );
    times.push(performance.now() - startedMs);
    return found?.question;
  };
  for (const one of asked) {
    for (const question of one.same) {
      const found = await lookUp(question);
      const startedMs = performance.now();
      const isBySignature =
        questionSignature(question) === questionSignature(one.question) &&
        compareQuestions(question, one.question).same;
      signatureTimes.push(performance.now() - startedMs);
      paraphrases += 1;
      if (isBySignature) signatureHits += 1;
      if (found === one.question) paraphraseHits += 1;
      else if (found !== undefined) wrong.push({ kind: "paraphrase", asked: question, answeredAs: found });
    }
    for (const kind of TRAP_KINDS) {
      for (const question of one[kind]) {
        const found = await lookUp(question);
        if (found !== undefined) wrong.push({ kind, asked: question, answeredAs: found });
      }
    }
  }
  const count = (kind: TrapKind) => asked.reduce((sum, one) => sum + one[kind].length, 0);
  return {
    split,
    language,
    paraphrases,
    paraphraseHits,
    signatureHits,
    wrong,
    asked: {
      negated: count("negated"),
      renumbered: count("renumbered"),
      renamed: count("renamed"),
      other: count("other"),
    },
    latencyP50Ms: quantile(times, 0.5),
    latencyP95Ms: quantile(times, 0.95),
    signatureP50Ms: quantile(signatureTimes, 0.5),
  };
}

function nearest(stored: readonly Stored[], vector: Float32Array, similarityMin: number): readonly Stored[] {
  return stored
    .map((one) => ({ one, similarity: one.vector.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0) }))
    .filter(({ similarity }) => similarity >= similarityMin)
    .toSorted((a, b) => b.similarity - a.similarity)
    .slice(0, NEIGHBOURS_MAX)
    .map(({ one }) => one);
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}
