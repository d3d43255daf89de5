import pc from "picocolors";
import { hasEnded, type Run, type RunProgress } from "#core/learning.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { describeDuration, drawBar, type Output, printJson } from "./output.ts";

const POLL_MS = 300;
const EVENTS_PAGE = 200;

/** Follows a run to its end, wherever it runs: a bar on a terminal, lines elsewhere. */
export async function followRun(
  learning: LearningStore,
  runId: string,
  options: { readonly isJson: boolean; readonly signal: AbortSignal },
  output: Output,
): Promise<Run> {
  let sequence = 0;
  for (;;) {
    const run = await learning.findRun(runId);
    if (run === undefined) throw new TypeError(`Cannot follow run "${runId}": it is not in the store`);
    for (const event of await learning.listRunEvents(runId, sequence, EVENTS_PAGE)) {
      sequence = event.sequence;
      if (event.progress !== undefined && output.isTerminal) drawProgress(event.progress, output);
      else output.tell(event.level === "info" ? event.message : pc.yellow(event.message));
    }
    if (hasEnded(run.state)) {
      if (options.isJson) printJson(output, run);
      else output.print(describeEnd(run));
      return run;
    }
    options.signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function drawProgress(progress: RunProgress, output: Output): void {
  const { phase, step, stepsTotal, lossTrain, tokensPerSecond, leftMs } = progress;
  if (stepsTotal === 0) return;
  const figures = [
    `${step}/${stepsTotal}`,
    ...(lossTrain === undefined ? [] : [`loss ${lossTrain.toFixed(3)}`]),
    ...(tokensPerSecond === undefined ? [] : [`${Math.round(tokensPerSecond)} tokens/s`]),
    ...(leftMs === undefined ? [] : [`${describeDuration(leftMs)} left`]),
  ];
  output.progress(`${phase} ${drawBar(step / stepsTotal)} ${figures.join(" · ")}`);
}

function describeEnd(run: Run): string {
  const took =
    run.endedAtMs === undefined || run.startedAtMs === undefined
      ? ""
      : ` after ${describeDuration(run.endedAtMs - run.startedAtMs)}`;
  const mark =
    run.state === "activated"
      ? pc.green("✅ In service")
      : run.state === "rejected"
        ? pc.yellow("🟡 Rejected")
        : pc.red(`🔴 ${run.state}`);
  return `${mark}${took}: ${run.verdict ?? run.error?.message ?? run.state}`;
}
