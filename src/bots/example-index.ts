import { type LearningScope, scopeKey } from "#core/scope.ts";
import type { Embedder } from "#inference/embedder.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";

/** A turn that may be an example, by what its question means. The words stay in the store. */
export interface IndexedTurn {
  readonly turnId: string;
  readonly askedAtMs: number;
  readonly vector: Float32Array;
}

export interface NearTurn {
  readonly turnId: string;
  /** Cosine, -1 to 1. */
  readonly similarity: number;
}

/** Scopes kept at hand; of 500 vectors each they take 50 MB. The one unused for longest goes. */
const SCOPES_MAX = 64;

/** Vectors by scope; a few hundred are searched exactly in a tenth of a millisecond. */
export class ExampleVectors {
  readonly #scopes = new Map<string, Map<string, IndexedTurn>>();
  readonly #turnsMax: number;

  constructor(turnsMax: number) {
    this.#turnsMax = turnsMax;
  }

  has(scope: LearningScope): boolean {
    return this.#scopes.has(scopeKey(scope));
  }

  size(scope: LearningScope): number {
    return this.#scopes.get(scopeKey(scope))?.size ?? 0;
  }

  replace(scope: LearningScope, turns: readonly IndexedTurn[]): void {
    const key = scopeKey(scope);
    this.#scopes.delete(key);
    this.#scopes.set(key, new Map(turns.map((turn) => [turn.turnId, turn])));
    const [oldest] = this.#scopes.keys();
    if (this.#scopes.size > SCOPES_MAX && oldest !== undefined) this.#scopes.delete(oldest);
  }

  put(scope: LearningScope, turn: IndexedTurn): void {
    const turns = this.#scopes.get(scopeKey(scope));
    if (turns === undefined) return;
    turns.set(turn.turnId, turn);
    if (turns.size <= this.#turnsMax) return;
    const oldest = [...turns.values()].reduce((a, b) => (a.askedAtMs <= b.askedAtMs ? a : b));
    turns.delete(oldest.turnId);
  }

  /** From whatever scope it is in: an edit can move a turn to another domain. */
  remove(turnId: string): void {
    for (const turns of this.#scopes.values()) turns.delete(turnId);
  }

  /** By falling cosine, none below `similarityMin`. */
  search(scope: LearningScope, vector: Float32Array, similarityMin: number, limit: number): readonly NearTurn[] {
    const key = scopeKey(scope);
    const turns = this.#scopes.get(key);
    if (turns === undefined) return [];
    this.#scopes.delete(key);
    this.#scopes.set(key, turns);
    return [...turns.values()]
      .map((turn) => ({ turnId: turn.turnId, similarity: cosineOf(turn.vector, vector) }))
      .filter(({ similarity }) => similarity >= similarityMin)
      .sort((a, b) => b.similarity - a.similarity || (a.turnId < b.turnId ? -1 : 1))
      .slice(0, limit);
  }
}

/** Vectors of these questions; what the store does not know is computed, one after the other, and kept, until it is stopped. */
export async function vectorsOf(
  { embedder, vectors }: { readonly embedder: Embedder; readonly vectors: TurnVectorStore },
  questions: readonly { readonly turnId: string; readonly question: string }[],
  isStopped: () => boolean,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { digest } = embedder.describe();
  const known = new Map(
    await vectors.getVectors(
      digest,
      questions.map(({ turnId }) => turnId),
    ),
  );
  for (const { turnId, question } of questions) {
    if (known.has(turnId)) continue;
    if (isStopped()) break;
    const [vector] = await embedder.embed([question]);
    if (vector === undefined) throw new TypeError("Cannot embed a question: the embedder returned no vector");
    await vectors.putVector(digest, turnId, vector);
    known.set(turnId, vector);
  }
  return known;
}

/** Both of unit length. */
function cosineOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at] ?? 0) * (b[at] ?? 0);
  return sum;
}
