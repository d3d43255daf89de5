import { createHash } from "node:crypto";
import type { NewId, Now } from "#core/clock.ts";
import {
  describeError,
  LearningNotAllowedError,
  NotReadyError,
  OperatingError,
  TrainingUnavailableError,
} from "#core/errors.ts";
import { hasEnded, type Run } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { Job, JobQueue } from "#jobs/job-queue.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { readLearningLevel } from "./dataset-consent.ts";
import { type ReadinessSettings, readReadiness } from "./read-readiness.ts";

export const TRAIN_JOB = "train";

export interface RequestParts {
  readonly learning: LearningStore;
  readonly people: PeopleStore;
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
  /** Another name than the one that comes from the scope's newest run. */
  readonly runId?: string;
  /** Trains although readiness is not green; for operators at the command line. */
  readonly isForced?: boolean;
}

const ATTEMPTS_MAX = 3;

/**
 * Queues a run of one scope; the one that is queued or running is returned when there is one. Rejects with
 * LearningNotAllowedError when the workspace does not allow training, with NotReadyError when readiness is not green, with
 * TrainingUnavailableError when fine-tuning is switched off.
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
  const level = await readLearningLevel(parts.people, scope.workspaceId);
  if (level !== "adapters") throw new LearningNotAllowedError(`train domain "${scope.domain}"`, level);
  const [newest] = await parts.learning.listRuns({ scope, limit: 1 });
  if (newest !== undefined) {
    const settled = await settleRun(parts, newest);
    if (!hasEnded(settled.state)) return settled;
  }

  const nowMs = parts.now();
  const readiness = await readReadiness(parts.learning, scope, parts.readiness, nowMs);
  if (readiness.light !== "green" && request.isForced !== true) throw new NotReadyError(scope.domain, readiness.light);
  const counts = await parts.learning.readCounts(scope, 0);
  const nextId = runIdAfter(scope, newest);
  const next = request.runId === undefined ? await parts.learning.findRun(nextId) : undefined;
  // Somebody else asked meanwhile.
  if (next !== undefined && !hasEnded(next.state)) return settleRun(parts, next);
  const run: Run = {
    id: request.runId ?? (next === undefined ? nextId : `run-${parts.newId()}`),
    scope,
    state: "queued",
    requestedBy: request.by,
    requestedAtMs: nowMs,
    examplesEver: counts.examplesEver,
    attempts: 0,
  };
  await parts.learning.saveRun(run);
  try {
    await enqueueRun(parts, run);
  } catch (error) {
    // The run is asked for: who tends runs queues it when the queue is back.
    if (!(error instanceof OperatingError)) throw error;
    parts.log.warn({ runId: run.id, reason: describeError(error) }, "training.not-queued");
  }
  parts.events.publish({ kind: "run.changed", runId: run.id });
  parts.log.info({ runId: run.id, domain: scope.domain, by: request.by }, "training.requested");
  return run;
}

/** All who ask after the same run, at once and in whichever process, ask for one. */
function runIdAfter(scope: LearningScope, newest: Run | undefined): string {
  const text = JSON.stringify([scopeKey(scope), newest?.id ?? null]);
  return `run-${createHash("sha256").update(text).digest("hex").slice(0, 20)}`;
}

/**
 * A run lives as long as its job. After a kill between the two records the job is queued again; a run whose job ended
 * without it (its worker was killed too often, or was dead when it was cancelled) ends too, so that nobody waits for it.
 */
export async function settleRun(parts: SettleParts, run: Run): Promise<Run> {
  if (hasEnded(run.state)) return run;
  const job = await parts.jobs.get(run.id);
  if (job === undefined) {
    await enqueueRun(parts, run);
    return run;
  }
  if (job.state === "queued" || job.state === "running") return run;
  const latest = (await parts.learning.findRun(run.id)) ?? run;
  if (hasEnded(latest.state)) return latest;

  const ended: Run =
    job.state === "cancelled"
      ? { ...latest, state: "cancelled", verdict: "Cancelled; what is in service stays", endedAtMs: parts.now() }
      : { ...latest, ...lostRun(job.error), endedAtMs: parts.now() };
  await parts.learning.saveRun(ended);
  parts.events.publish({ kind: "run.changed", runId: run.id });
  return ended;
}

export type SettleParts = Pick<RequestParts, "learning" | "jobs" | "events" | "now">;

function lostRun(message = "Cannot go on with the run: its worker stopped without a word") {
  const error = { code: "RUN_LOST", message, hint: "Read the log, then start the run again" };
  return { state: "failed", verdict: message, error } as const;
}

function enqueueRun({ jobs }: SettleParts, run: Run): Promise<Job> {
  return jobs.enqueue({
    id: run.id,
    kind: TRAIN_JOB,
    key: scopeKey(run.scope),
    payload: { runId: run.id },
    priority: 0,
    attemptsMax: ATTEMPTS_MAX,
  });
}

/** False when the run had ended. */
export async function cancelTraining(parts: RequestParts, runId: string, by: string): Promise<boolean> {
  const run = await parts.learning.findRun(runId);
  if (run === undefined || hasEnded(run.state)) return false;
  await parts.jobs.cancel(runId);
  if (run.state === "queued") {
    await parts.learning.saveRun({ ...run, state: "cancelled", endedAtMs: parts.now(), verdict: `Cancelled by ${by}` });
  } else {
    await settleRun(parts, run);
  }
  parts.events.publish({ kind: "run.changed", runId });
  parts.log.info({ runId, by }, "training.cancelled");
  return true;
}
