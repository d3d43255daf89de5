import { isStoreOutage, OperatingError, TrainingFailedError } from "#core/errors.ts";
import type { Dataset, Run } from "#core/learning.ts";
import type { Judgement } from "./judge-adapter.ts";
import { reportRun } from "./report-run.ts";
import { forgetRun, type RunFiles } from "./run-files.ts";
import type { RunJournal } from "./run-journal.ts";
import type { OpenedEngine, RunParts } from "./run-parts.ts";
import type { TrainResult } from "./training-backend.ts";

/** What a run has when its adapter was judged. */
export interface JudgedOutcome {
  readonly dataset: Dataset;
  readonly trained: TrainResult;
  readonly judgement: Judgement;
  readonly opened: OpenedEngine;
}

/** Stores the adapter and the report; the run then waits for activation, or is rejected. */
export async function endJudged(
  parts: RunParts,
  journal: RunJournal,
  files: RunFiles,
  outcome: JudgedOutcome,
): Promise<Run> {
  const { dataset, trained, judgement, opened } = outcome;
  const { run } = journal;
  const stored = await parts.files.put(trained.adapterPath);
  if (stored.digest !== trained.digest) {
    throw new TrainingFailedError(
      run.id,
      "the adapter file changed after training",
      "Check the disk, then train again",
    );
  }
  // The same rows and seed give the same file: what a kill interrupted, or an earlier run, has named keeps its name.
  const known = await parts.learning.findAdapter(stored.digest);
  await parts.learning.saveAdapter({
    digest: stored.digest,
    name: adapterName(run.scope.domain, parts.now(), stored.digest),
    baseDigest: opened.base.digest,
    scope: run.scope,
    runId: run.id,
    datasetHash: dataset.hash,
    bytes: stored.bytes,
    createdAtMs: parts.now(),
    ...known,
    grade: judgement.grade,
    // What was withdrawn stays so, whoever makes the same file again.
    state: known?.state === "retired" ? "retired" : judgement.isAccepted ? "candidate" : "rejected",
  });
  const { base } = opened;
  const { directory } = files;
  await reportRun({ ...parts, limits: parts.settings.judge }, { run, dataset, trained, judgement, base, directory });
  const fields = { adapterDigest: stored.digest, grade: judgement.grade };
  parts.log.info(
    { runId: run.id, domain: run.scope.domain, grade: judgement.grade, accepted: judgement.isAccepted },
    "run.judged",
  );
  if (judgement.isAccepted) {
    await journal.enter("activating", judgement.verdict, { ...fields, verdict: judgement.verdict });
  } else {
    await journal.end("rejected", judgement.verdict, fields);
  }
  await forgetRun(parts, journal.run, files); // last: a kill before it would leave a run that can neither go on nor begin again
  return journal.run;
}

/** `reactune-<domain>-<yyyymmdd>-<hash8>` */
function adapterName(domain: string, nowMs: number, digest: string): string {
  return `reactune-${domain}-${new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "")}-${digest.slice(0, 8)}`;
}

/** Cancelled is not failed, nor is a run whose store is away. A trainer that failed is tried again while attempts are left; what cannot work is not. */
export async function endFailed(
  parts: RunParts,
  journal: RunJournal,
  files: RunFiles,
  error: unknown,
  signal: AbortSignal,
): Promise<Run> {
  if (signal.aborted && signal.reason === CANCELLED) {
    const cancelled = await journal.end("cancelled", "Cancelled; what is in service stays");
    await forgetRun(parts, cancelled, files);
    return cancelled;
  }
  if (signal.aborted || isStoreOutage(error)) throw error;
  if (error instanceof TrainingFailedError && journal.run.attempts < parts.settings.attemptsMax) {
    await journal.say("warning", `${error.message}; trying again from the last checkpoint`);
    throw error;
  }
  if (!(error instanceof OperatingError)) throw error;
  parts.log.error({ runId: journal.run.id, err: error }, "run.failed");
  const { code, message, hint } = error;
  const failed = await journal.end("failed", `${message}. ${hint}`, { error: { code, message, hint } });
  await forgetRun(parts, failed, files);
  return failed;
}

/** The reason of a signal that means "the operator cancelled this run"; another reason (shutting down) leaves it to be resumed. */
export const CANCELLED = "run cancelled";

/** A permission was taken back between the request and the run, or between the run and its adapter's activation. */
export const NOT_ALLOWED = "Cancelled: the workspace no longer allows training on its words; what is in service stays";
