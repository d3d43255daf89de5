import type { NewId, Now } from "#core/clock.ts";
import { NotReadyError, TrainingUnavailableError } from "#core/errors.ts";
import { hasEnded, type Run } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { type ReadinessSettings, readReadiness } from "./read-readiness.ts";

export const TRAIN_JOB = "train";

export interface RequestParts {
  readonly learning: LearningStore;
  readonly jobs: JobQueue;
  readonly events: EventBus;
  readonly readiness: ReadinessSettings;
  readonly isEnabled: boolean;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

export interface TrainingRequest {
  readonly by: string;
  /** Makes asking twice harmless; without it every call is a new run. */
  readonly runId?: string;
  /** Trains although readiness is not green; for operators at the command line. */
  readonly isForced?: boolean;
}

const ATTEMPTS_MAX = 3;

/**
 * Queues a run of one scope; the one that is queued or running is returned when there is one. Rejects with
 * NotReadyError when readiness is not green, with TrainingUnavailableError when fine-tuning is switched off.
 */
export async function requestTraining(
  parts: RequestParts,
  scope: LearningScope,
  request: TrainingRequest,
): Promise<Run> {
  if (!parts.isEnabled) {
    throw new TrainingUnavailableError(
      "fine-tuning is switched off",
      "Set ENABLE_FINE_TUNING=true (or trainer.enabled)",
    );
  }
  const [newest] = await parts.learning.listRuns({ scope, limit: 1 });
  if (newest !== undefined && !hasEnded(newest.state)) return newest;

  const nowMs = parts.now();
  const readiness = await readReadiness(parts.learning, scope, parts.readiness, nowMs);
  if (readiness.light !== "green" && request.isForced !== true) throw new NotReadyError(scope.domain, readiness.light);
  const counts = await parts.learning.readCounts(scope, 0);
  const run: Run = {
    id: request.runId ?? `run-${parts.newId()}`,
    scope,
    state: "queued",
    requestedBy: request.by,
    requestedAtMs: nowMs,
    examplesEver: counts.examplesEver,
    attempts: 0,
  };
  await parts.learning.saveRun(run);
  await parts.jobs.enqueue({
    id: run.id,
    kind: TRAIN_JOB,
    key: scopeKey(scope),
    payload: { runId: run.id },
    priority: 0,
    attemptsMax: ATTEMPTS_MAX,
  });
  parts.events.publish({ kind: "run.changed", runId: run.id });
  parts.log.info({ runId: run.id, domain: scope.domain, by: request.by }, "training.requested");
  return run;
}

/** False when the run had ended. */
export async function cancelTraining(parts: RequestParts, runId: string, by: string): Promise<boolean> {
  const run = await parts.learning.findRun(runId);
  if (run === undefined || hasEnded(run.state)) return false;
  await parts.jobs.cancel(runId);
  if (run.state === "queued") {
    await parts.learning.saveRun({ ...run, state: "cancelled", endedAtMs: parts.now(), verdict: `Cancelled by ${by}` });
  }
  parts.events.publish({ kind: "run.changed", runId });
  parts.log.info({ runId, by }, "training.cancelled");
  return true;
}
