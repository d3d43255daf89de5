import type { Now } from "#core/clock.ts";
import type { Run, RunProgress, RunState } from "#core/learning.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { LearningStore } from "#store/learning-store.ts";

/** Writes a run's life into the store, where pages, commands and other processes read it. */
export interface RunJournal {
  readonly run: Run;
  enter(state: RunState, message: string, fields?: Partial<Run>): Promise<void>;
  /** Kept at most twice a second; the newest is never lost for longer. */
  progress(progress: Omit<RunProgress, "phase">): void;
  say(level: "info" | "warning" | "error", message: string): Promise<void>;
  end(state: RunState, verdict: string, fields?: Partial<Run>): Promise<Run>;
}

const PROGRESS_EVERY_MS = 500;

export function openRunJournal(parts: { learning: LearningStore; events: EventBus; now: Now }, begun: Run): RunJournal {
  const { learning, events, now } = parts;
  let run = begun;
  let writing = Promise.resolve();
  let savedAtMs = 0;

  function write(act: () => Promise<unknown>): Promise<void> {
    const written = writing.then(act).then(() => events.publish({ kind: "run.changed", runId: run.id }));
    writing = written.catch(() => {}); // whoever asked hears of it; the next write is tried all the same
    return written;
  }
  function save(fields: Partial<Run>): Promise<void> {
    run = { ...run, ...fields };
    const saved = run;
    return write(() => learning.saveRun(saved));
  }
  function say(level: "info" | "warning" | "error", message: string, progress?: RunProgress): Promise<void> {
    const event = { runId: run.id, atMs: now(), level, message, ...(progress === undefined ? {} : { progress }) };
    return write(() => learning.appendRunEvent(event));
  }

  return {
    get run() {
      return run;
    },
    async enter(state, message, fields = {}) {
      await save({ ...fields, state, progress: { phase: state, step: 0, stepsTotal: 0 } });
      await say("info", message);
    },
    progress(figures) {
      const progress = { ...figures, phase: run.state };
      run = { ...run, progress };
      if (now() - savedAtMs < PROGRESS_EVERY_MS && figures.step < figures.stepsTotal) return;
      savedAtMs = now();
      const saved = run;
      // A failed write of progress must not end a run: the next one, or the end, writes again.
      write(() => learning.saveRun(saved)).catch(() => {});
      say("info", describeProgress(progress), progress).catch(() => {});
    },
    say,
    async end(state, verdict, fields = {}) {
      await save({ ...fields, state, verdict, endedAtMs: now() });
      await say(state === "failed" ? "error" : "info", verdict);
      return run;
    },
  };
}

function describeProgress({
  phase,
  step,
  stepsTotal,
  lossTrain,
  lossValid,
  tokensPerSecond,
  leftMs,
}: RunProgress): string {
  const figures = [
    `${phase} ${step}/${stepsTotal}`,
    ...(lossTrain === undefined ? [] : [`loss ${lossTrain.toFixed(3)}`]),
    ...(lossValid === undefined ? [] : [`held-out loss ${lossValid.toFixed(3)}`]),
    ...(tokensPerSecond === undefined ? [] : [`${Math.round(tokensPerSecond)} tokens/s`]),
    ...(leftMs === undefined ? [] : [`${Math.ceil(leftMs / 1000)} s left`]),
  ];
  return figures.join(", ");
}
