import { type Domain, GENERAL_DOMAIN, matchKeywords } from "#core/domain.ts";
import type { DomainChoice } from "#core/turn.ts";
import type { Embedder } from "#inference/embedder.ts";

export interface RoutingSettings {
  /** Least cosine between the question and a domain's examples, 0 to 1. */
  readonly similarityMin: number;
  /** Least lead of the best domain over the next. */
  readonly marginMin: number;
}

export interface DomainRouter {
  /** `inherited` is the conversation's domain: a follow-up without a subject of its own stays there. */
  route(question: string, inherited?: string): Promise<DomainChoice>;
}

/** Keywords first, then nearness to the domains' examples, then the conversation's domain, then `general`. */
export async function createDomainRouter(
  domains: readonly Domain[],
  embedder: Embedder | undefined,
  settings: RoutingSettings,
): Promise<DomainRouter> {
  const centroids = embedder === undefined ? [] : await embedCentroids(domains, embedder);
  return {
    async route(question, inherited) {
      const match = matchKeywords(question, domains);
      if (match !== undefined) {
        return { domain: match.domain, by: "keywords", score: match.score, reason: `words: ${match.words.join(", ")}` };
      }
      const near = embedder === undefined ? undefined : await nearestDomain(question, embedder, centroids, settings);
      if (near !== undefined) return near;
      if (inherited !== undefined) {
        return { domain: inherited, by: "conversation", score: 0.5, reason: "the conversation's subject" };
      }
      return { domain: GENERAL_DOMAIN, by: "default", score: 0, reason: "no domain is near" };
    },
  };
}

interface Centroid {
  readonly domain: string;
  readonly vector: Float32Array;
}

async function embedCentroids(domains: readonly Domain[], embedder: Embedder): Promise<readonly Centroid[]> {
  const withExamples = domains.filter((domain) => domain.examples.length > 0);
  return Promise.all(
    withExamples.map(async (domain) => ({
      domain: domain.id,
      vector: unitMean(await embedder.embed(domain.examples)),
    })),
  );
}

async function nearestDomain(
  question: string,
  embedder: Embedder,
  centroids: readonly Centroid[],
  { similarityMin, marginMin }: RoutingSettings,
): Promise<DomainChoice | undefined> {
  const [vector] = await embedder.embed([question]);
  if (vector === undefined) return undefined;
  const [best, second] = centroids
    .map((centroid) => ({ domain: centroid.domain, similarity: dot(vector, centroid.vector) }))
    .toSorted((a, b) => b.similarity - a.similarity);
  if (best === undefined || best.similarity < similarityMin) return undefined;
  if (second !== undefined && best.similarity - second.similarity < marginMin) return undefined;
  const reason = `meaning: ${best.similarity.toFixed(2)} near its examples`;
  return { domain: best.domain, by: "similarity", score: Math.min(1, best.similarity), reason };
}

function unitMean(vectors: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(vectors[0]?.length ?? 0);
  for (const vector of vectors) for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] ?? 0) + (vector[i] ?? 0);
  const length = Math.sqrt(dot(mean, mean)) || 1;
  return mean.map((value) => value / length);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}
