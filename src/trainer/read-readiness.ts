import type { Run } from "#core/learning.ts";
import { judgeReadiness, type Readiness, type ReadinessThresholds } from "#core/readiness.ts";
import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";
import type { LearningStore } from "#store/learning-store.ts";

export interface ReadinessSettings {
  readonly thresholds: ReadinessThresholds;
  /** Only turns of the last days count: what is older is not trained on either. */
  readonly days: number;
}

export interface DomainReadiness {
  /** `ALL_DOMAINS` for the workspace as a whole. */
  readonly domain: string;
  readonly readiness: Readiness;
}

/** How far a scope is from its next training. The local platform asks for one rater. */
export async function readReadiness(
  learning: LearningStore,
  scope: LearningScope,
  settings: ReadinessSettings,
  nowMs: number,
): Promise<Readiness> {
  const counts = await learning.readCounts(scope, nowMs - settings.days * 86_400_000);
  const last = scope.domain === ALL_DOMAINS ? undefined : await findLastTrained(learning, scope);
  return judgeReadiness(counts, thresholdsFor(scope, settings.thresholds), last?.examplesEver);
}

/** The workspace as a whole first, then its domains in the given order. */
export async function readWorkspaceReadiness(
  learning: LearningStore,
  workspace: Omit<LearningScope, "domain">,
  domains: readonly string[],
  settings: ReadinessSettings,
  nowMs: number,
): Promise<readonly DomainReadiness[]> {
  return Promise.all(
    [ALL_DOMAINS, ...domains].map(async (domain) => ({
      domain,
      readiness: await readReadiness(learning, { ...workspace, domain }, settings, nowMs),
    })),
  );
}

function thresholdsFor(scope: LearningScope, thresholds: ReadinessThresholds): ReadinessThresholds {
  return scope.workspaceId.startsWith("local:") ? { ...thresholds, ratersMin: 1 } : thresholds;
}

/** A run that failed or was cancelled, or whose adapter was withdrawn, used nothing up: its examples are still new. */
async function findLastTrained(learning: LearningStore, scope: LearningScope): Promise<Run | undefined> {
  for (const run of await learning.listRuns({ scope, limit: 20 })) {
    if (!["activated", "rejected", "waiting-for-approval"].includes(run.state)) continue;
    const adapter = run.adapterDigest === undefined ? undefined : await learning.findAdapter(run.adapterDigest);
    if (adapter?.state !== "retired") return run;
  }
  return undefined;
}
