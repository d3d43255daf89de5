import { nearSignature, refuseSharing } from "#core/may-share-answer.ts";
import { plainQuestion } from "#core/plain-question.ts";
import type { Embedder } from "#inference/embedder.ts";
import { quantile } from "./bench-figures.ts";

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
  /** One look-up: signature, else embedding and search over the stored questions; guards. */
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  /** The same without the model: reading the question, search by signature, guards. */
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
      signature: nearSignature(plainQuestion(one.question)),
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
  readonly signature: string | undefined;
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
  const lookUp = async (question: string): Promise<Found> => {
    const startedMs = performance.now();
    const found = bySignature(stored, question) ?? (await byVector(given, question));
    times.push(performance.now() - startedMs);
    return found;
  };
  for (const one of asked) {
    for (const question of one.same) {
      const startedMs = performance.now();
      const isBySignature = bySignature(stored, question) !== undefined;
      signatureTimes.push(performance.now() - startedMs);
      const found = await lookUp(question);
      paraphrases += 1;
      if (isBySignature) signatureHits += 1;
      if (found?.question === one.question) paraphraseHits += 1;
      else if (found !== undefined) wrong.push({ kind: "paraphrase", asked: question, answeredAs: found.question });
    }
    for (const kind of TRAP_KINDS) {
      for (const question of one[kind]) {
        const found = await lookUp(question);
        if (found !== undefined) wrong.push({ kind, asked: question, answeredAs: found.question });
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

type Found = Stored | undefined;

/** As the cache looks: an index first, the model only where that finds nothing; the guards decide in both. */
function bySignature(stored: readonly Stored[], question: string): Found {
  const signature = nearSignature(plainQuestion(question));
  if (signature === undefined) return undefined;
  return stored.find((one) => one.signature === signature && refuseSharing(question, one.question) === undefined);
}

async function byVector({ embedder, stored, similarityMin, signal }: Measurement, question: string): Promise<Found> {
  const [vector = new Float32Array()] = await embedder.embed([question], signal);
  return nearest(stored, vector, similarityMin).find((one) => refuseSharing(question, one.question) === undefined);
}

function nearest(stored: readonly Stored[], vector: Float32Array, similarityMin: number): readonly Stored[] {
  return stored
    .map((one) => ({ one, similarity: one.vector.reduce((sum, value, at) => sum + value * (vector[at] ?? 0), 0) }))
    .filter(({ similarity }) => similarity >= similarityMin)
    .toSorted((a, b) => b.similarity - a.similarity)
    .slice(0, NEIGHBOURS_MAX)
    .map(({ one }) => one);
}
