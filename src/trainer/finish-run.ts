import { describeError, isOutage, OperatingError, TrainingUnavailableError } from "#core/errors.ts";
import { hasEnded, type Run } from "#core/learning.ts";
import type { BaseModel } from "#inference/inference-engine.ts";
import { type ActivateParts, activateAdapter, type ServingEngine } from "./activate-adapter.ts";
import { mayTrain } from "./dataset-consent.ts";
import { NOT_ALLOWED } from "./end-run.ts";
import { openRunJournal } from "./run-journal.ts";

/**
 * The last step of a run, done by who serves: puts an accepted adapter into service, or leaves it waiting for a person.
 * Doing it twice changes nothing. An adapter that the engine refuses ends the run as failed; what is in service stays.
 * Rejects when a server is away: the adapter was judged, and may go into service later.
 */
export async function finishRun(
  parts: ActivateParts,
  openServing: () => Promise<ServingEngine>,
  runId: string,
  promotion: "auto" | "ask",
): Promise<Run> {
  const run = await parts.learning.findRun(runId);
  if (run === undefined) throw new TrainingUnavailableError(`run "${runId}" is not in the store`, "Start it again");
  if (run.state !== "activating" || run.adapterDigest === undefined) return run;

  const journal = openRunJournal(parts, run);
  if (!(await mayTrain(parts.people, run.scope.workspaceId))) return journal.end("cancelled", NOT_ALLOWED);
  const verdict = run.verdict ?? `Grade ${run.grade ?? "?"}`;
  if (promotion === "ask") {
    return journal.end(
      "waiting-for-approval",
      `${verdict}. Put it into service with \`reactune adapters activate ${run.adapterDigest.slice(0, 12)}\``,
    );
  }
  try {
    const serving = await openServing();
    const heldBack = await describeHeldBack(parts, serving.base, run.adapterDigest);
    if (heldBack !== undefined) return journal.end("waiting-for-approval", `${verdict}. ${heldBack}`);
    await activateAdapter(parts, serving, run.adapterDigest, {
      by: run.requestedBy,
      reason: `run ${run.id}: ${verdict}`,
    });
  } catch (error) {
    if (isOutage(error) || !(error instanceof OperatingError)) throw error;
    const { code, message, hint } = error;
    return journal.end("failed", describeError(error), { error: { code, message, hint } });
  }
  return journal.end("activated", verdict);
}

/** What a person has to do before the engine that answers can take the adapter; undefined when it takes it now. */
async function describeHeldBack(
  { files }: ActivateParts,
  { name, adapters }: BaseModel,
  digest: string,
): Promise<string | undefined> {
  const activate = `\`reactune adapters activate ${digest.slice(0, 12)}\``;
  if (adapters === "never")
    return `It was proved in the embedded engine; ${name} takes no adapters, so the base goes on answering. Set inference.engine to llama or ollama, then ${activate}`;
  if (adapters !== "at-start") return undefined;
  const path = (await files.open(digest))?.path ?? "its file";
  return `${name} takes adapters only when it starts: start it with --lora ${path} and --lora-init-without-apply, then ${activate}`;
}

/** Ends a run whose worker failed for the last time, so that nobody waits for it. */
export async function giveUpRun(parts: ActivateParts, runId: string, cause: unknown): Promise<void> {
  const run = await parts.learning.findRun(runId);
  if (run === undefined || hasEnded(run.state)) return;
  const error =
    cause instanceof OperatingError
      ? { code: cause.code, message: cause.message, hint: cause.hint }
      : { code: "UNEXPECTED", message: describeError(cause), hint: "Read the log, then start the run again" };
  await openRunJournal(parts, run).end("failed", describeError(cause), { error });
}
