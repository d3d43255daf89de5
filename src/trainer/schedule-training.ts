import { describeError, OperatingError } from "#core/errors.ts";
import { hasEnded } from "#core/learning.ts";
import { isWithin, type QuietHours } from "#core/quiet-hours.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import { mayTrain } from "./dataset-consent.ts";
import { readReadiness } from "./read-readiness.ts";
import { type RequestParts, requestTraining, settleRun } from "./request-training.ts";

export interface ScheduleSettings {
  readonly intervalDays: number;
  /** No run begins by itself within them; one that runs goes on. */
  readonly quietHours?: QuietHours;
  readonly timeZone: string;
}

/** What one look decided, scope by scope; for the log and for `reactune status`. */
export interface ScheduleDecision {
  readonly scope: LearningScope;
  readonly decision: "requested" | "not-due" | "not-ready" | "not-allowed" | "running" | "quiet" | "failed";
  readonly dueAtMs: number;
}

/**
 * One look at every scope: due is the last run's end plus the interval. The run's id comes from scope and due time, so
 * that two processes that look at once ask for one run, and ticks missed while the program was off collapse into one.
 */
export async function scheduleTraining(
  parts: RequestParts,
  settings: ScheduleSettings,
  hash: (text: string) => string,
): Promise<readonly ScheduleDecision[]> {
  const nowMs = parts.now();
  const isQuiet = settings.quietHours !== undefined && isWithin(settings.quietHours, nowMs, settings.timeZone);
  const decisions: ScheduleDecision[] = [];
  for (const scope of await parts.learning.listScopes()) {
    const dueAtMs = await findDueAt(parts, scope, settings.intervalDays);
    const decision = await decide(parts, scope, {
      dueAtMs,
      isQuiet,
      runId: `run-${hash(`${scopeKey(scope)}@${dueAtMs}`).slice(0, 20)}`,
    });
    decisions.push({ scope, decision, dueAtMs: dueAtMs ?? 0 });
  }
  return decisions;
}

/** Undefined while a run is under way; 0 before the first. */
async function findDueAt(parts: RequestParts, scope: LearningScope, intervalDays: number): Promise<number | undefined> {
  const [newest] = await parts.learning.listRuns({ scope, limit: 1 });
  if (newest === undefined) return 0;
  const last = await settleRun(parts, newest);
  if (!hasEnded(last.state)) return undefined;
  return (last.endedAtMs ?? last.requestedAtMs) + intervalDays * 86_400_000;
}

async function decide(
  parts: RequestParts,
  scope: LearningScope,
  { dueAtMs, isQuiet, runId }: { dueAtMs: number | undefined; isQuiet: boolean; runId: string },
): Promise<ScheduleDecision["decision"]> {
  if (dueAtMs === undefined) return "running";
  if (dueAtMs > parts.now()) return "not-due";
  if (isQuiet) return "quiet";
  if (!(await mayTrain(parts.people, scope.workspaceId))) return "not-allowed";
  const readiness = await readReadiness(parts.learning, scope, parts.readiness, parts.now());
  if (readiness.light !== "green") return "not-ready";
  try {
    await requestTraining(parts, scope, { by: "schedule", runId });
    return "requested";
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    parts.log.warn({ domain: scope.domain, reason: describeError(error) }, "training.not-scheduled");
    return "failed";
  }
}
