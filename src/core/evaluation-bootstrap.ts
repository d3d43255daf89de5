import { seededRandom } from "./random.ts";

/** 95 % percentile interval. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A mean over items that belong together: `sum` of the values, `weight` of how many (or how many tokens). */
export interface Cluster {
  readonly sum: number;
  readonly weight: number;
}

const RESAMPLES = 1000;

/**
 * Interval of `sum / weight` over whole clusters (Efron 1979, percentile): turns of one conversation are not independent, so
 * conversations are drawn. With one cluster nothing can be said and undefined is returned; with few it is too narrow.
 */
export function bootstrapMean(clusters: readonly Cluster[], seed: number): Interval | undefined {
  if (clusters.length < 2) return undefined;
  return bootstrap(clusters, seed, (drawn) => {
    const weight = drawn.reduce((total, cluster) => total + cluster.weight, 0);
    return drawn.reduce((total, cluster) => total + cluster.sum, 0) / weight;
  });
}

export function bootstrap<T>(items: readonly T[], seed: number, statistic: (drawn: readonly T[]) => number): Interval {
  const random = seededRandom(seed);
  const values = new Float64Array(RESAMPLES);
  for (let sample = 0; sample < RESAMPLES; sample++) {
    const drawn = items.map((item) => items[Math.floor(random() * items.length)] ?? item);
    values[sample] = statistic(drawn);
  }
  values.sort();
  return { low: quantile(values, 0.025), high: quantile(values, 0.975) };
}

/** Linear between neighbours. Expects at least one value. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const [low = Number.NaN, high = low] = [sorted[below], sorted[below + 1]];
  return low + (high - low) * (at - below);
}
