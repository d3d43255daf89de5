import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { TrainingFailedError, TrainingUnavailableError } from "#core/errors.ts";
import type {
  EvaluateJob,
  Preflight,
  TrainEvent,
  TrainingBackend,
  TrainJob,
  TrainResult,
  TrainSettings,
} from "../training-backend.ts";
import { EvaluationFile, type TrainerEvent, type TrainerEventOf } from "./trainer-events.ts";
import { runTrainerProcess, type TrainerExit } from "./trainer-process.ts";

export interface PythonBackendOptions {
  /** The interpreter of the training environment, and what comes before `train --job`: `["-m", "lora_trainer"]`. */
  readonly python: string;
  readonly program: readonly string[];
  /** What this machine computes with, after the job: `["--backend", "torch"]`. */
  readonly flags?: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly niceness: number;
  readonly silenceMaxMs: number;
  readonly runMaxMs: number;
}

const PROTOCOL = 1;
const EXIT_OUT_OF_MEMORY = 3;

/** TrainingBackend over a child process: `python -m lora_trainer`. The fast BLAS that preflight finds is set for the child only. */
export function createPythonBackend(options: PythonBackendOptions): TrainingBackend {
  let blasEnvironment: Readonly<Record<string, string>> = {};

  async function run<Name extends TrainerEvent["event"]>(
    call: Call<Name>,
  ): Promise<{ readonly last: TrainerEventOf<Name> } | { readonly exit: TrainerExit }> {
    const jobPath = join(call.directory, `${call.command}-job.json`);
    await writeFile(jobPath, JSON.stringify({ protocol: PROTOCOL, ...call.job }));
    let last: TrainerEventOf<Name> | undefined;
    const exit = await runTrainerProcess({
      command: options.python,
      arguments: [...options.program, call.command, "--job", jobPath, ...(options.flags ?? [])],
      environment: { ...options.environment, ...blasEnvironment },
      niceness: options.niceness,
      silenceMaxMs: options.silenceMaxMs,
      runMaxMs: options.runMaxMs,
      stderrPath: join(call.directory, "stderr.log"),
      onEvent: (event) => {
        if (isNamed(event, call.last)) last = event;
        const told = toTrainEvent(event);
        if (told !== undefined) call.report(told);
      },
      signal: call.signal,
    });
    call.signal.throwIfAborted();
    return exit.exitCode === 0 && last !== undefined ? { last } : { exit };
  }

  return {
    async preflight(job, signal) {
      const outcome = await run({
        command: "preflight",
        directory: job.directory,
        job: trainerJob(job),
        last: "preflighted",
        report: () => {},
        signal,
      });
      if ("exit" in outcome) return refuse(outcome.exit);
      blasEnvironment = outcome.last.blas.environment;
      return toPreflight(outcome.last);
    },

    async train(job, report, signal) {
      for (const settings of memoryLadder(job.settings)) {
        const outcome = await run({
          command: "train",
          directory: job.directory,
          job: trainerJob({ ...job, settings }),
          last: "trained",
          report,
          signal,
        });
        if ("last" in outcome) return toTrainResult(outcome.last, settings);
        if (outcome.exit.exitCode !== EXIT_OUT_OF_MEMORY && outcome.exit.error?.code !== "OUT_OF_MEMORY") {
          throw toError(job.runId, outcome.exit, job.directory);
        }
        const message = `Out of memory with ${settings.batchExamples} rows of ${settings.contextTokens} tokens a pass: trying less`;
        report({ kind: "warning", code: "OUT_OF_MEMORY", message });
      }
      const hint = "Lower trainer.contextTokens or trainer.rank, choose a smaller base model, or add memory";
      throw new TrainingFailedError(job.runId, "memory is too small even for one short row at a time", hint);
    },

    async evaluate(job, report, signal) {
      const outcome = await run({
        command: "evaluate",
        directory: job.directory,
        job: evaluatorJob(job),
        last: "evaluated",
        report,
        signal,
      });
      if ("exit" in outcome) throw toError(job.runId, outcome.exit, job.directory);
      try {
        return EvaluationFile.parse(JSON.parse(await readFile(outcome.last.figuresPath, "utf8")));
      } catch (cause) {
        throw unreadableFigures(job.runId, cause);
      }
    },
  };
}

interface Call<Name extends TrainerEvent["event"]> {
  readonly command: "preflight" | "train" | "evaluate";
  readonly directory: string;
  readonly job: object;
  /** The event that ends a run that went well. */
  readonly last: Name;
  readonly report: (event: TrainEvent) => void;
  readonly signal: AbortSignal;
}

function isNamed<Name extends TrainerEvent["event"]>(event: TrainerEvent, name: Name): event is TrainerEventOf<Name> {
  return event.event === name;
}

/** Out of memory is tried again with less: rows per pass, then more passes per step in their place, then shorter rows. */
function* memoryLadder(settings: TrainSettings): Generator<TrainSettings> {
  yield settings;
  let current = settings;
  while (current.batchExamples > 1) {
    const batchExamples = Math.max(1, Math.floor(current.batchExamples / 2));
    const accumulation = current.accumulation * Math.round(current.batchExamples / batchExamples);
    current = { ...current, batchExamples, accumulation };
    yield current;
  }
  while (current.contextTokens > 256) {
    current = { ...current, contextTokens: Math.max(256, Math.floor(current.contextTokens / 2)) };
    yield current;
  }
}

function trainerJob(job: TrainJob): object {
  return {
    runId: job.runId,
    baseGguf: job.baseGguf,
    directory: job.directory,
    trainRows: job.trainRows,
    ...(job.validRows === undefined ? {} : { validRows: job.validRows }),
    ...(job.replayRows === undefined ? {} : { replayRows: job.replayRows }),
    domain: job.domain,
    baseDigest: job.baseDigest,
    datasetHash: job.datasetHash,
    adapterName: "adapter",
    ...job.settings,
  };
}

function evaluatorJob(job: EvaluateJob): object {
  return {
    runId: job.runId,
    baseGguf: job.baseGguf,
    adapter: job.adapterPath,
    directory: job.directory,
    sets: job.sets,
    ...(job.pairs === undefined ? {} : { pairs: job.pairs }),
    ...(job.parity === undefined ? {} : { parity: job.parity }),
    contextTokens: job.contextTokens,
    threads: job.threads,
  };
}

function toTrainEvent(event: TrainerEvent): TrainEvent | undefined {
  switch (event.event) {
    case "started":
      return { kind: "progress", step: event.stepsDone, stepsTotal: event.stepsTotal };
    case "progress":
      return {
        kind: "progress",
        step: event.step,
        stepsTotal: event.stepsTotal,
        epoch: event.epoch,
        lossTrain: event.lossTrain,
        tokensPerSecond: event.tokensPerSecond,
        memoryBytes: event.memoryPeakBytes,
        leftMs: event.leftMs,
      };
    case "validated":
      return { kind: "validated", step: event.step, lossValid: event.lossValid };
    case "checkpoint":
      return { kind: "checkpoint", step: event.step };
    case "warning":
      return { kind: "warning", code: event.code, message: event.message };
    default:
      return undefined;
  }
}

function toPreflight(event: TrainerEventOf<"preflighted">): Preflight {
  return {
    problems: event.problems,
    warnings: event.blas.fast
      ? []
      : ["No fast matrix library was found: training is slow (install libopenblas0-pthread)"],
    ...(event.backend === null ? {} : { backend: event.backend }),
    ...(event.minutesEstimated === null ? {} : { minutesEstimated: event.minutesEstimated }),
    ...(event.memory.neededBytes === undefined ? {} : { memoryBytesEstimated: event.memory.neededBytes }),
  };
}

function toTrainResult(event: TrainerEventOf<"trained">, settings: TrainSettings): TrainResult {
  return {
    adapterPath: event.adapterPath,
    digest: event.sha256,
    bytes: event.bytes,
    steps: event.steps,
    lossTrainFirst: event.lossTrainFirst,
    lossTrainLast: event.lossTrainLast,
    ...(event.lossValidFirst === null ? {} : { lossValidFirst: event.lossValidFirst }),
    ...(event.lossValidBest === null ? {} : { lossValidBest: event.lossValidBest }),
    tokensPerSecond: event.tokensPerSecond,
    memoryPeakBytes: event.memoryPeakBytes,
    totalMs: Math.round(event.seconds * 1000),
    settings,
  };
}

function refuse({ error, cause, exitCode }: TrainerExit): Preflight {
  if (error !== undefined) return { problems: [error], warnings: [] };
  const why =
    cause === "not-started"
      ? "Python cannot be started"
      : `the trainer ended (${cause}, exit code ${exitCode ?? "unset"})`;
  throw new TrainingUnavailableError(why, "Run `npm start` again, it prepares Python; then `reactune doctor`");
}

function unreadableFigures(runId: string, cause: unknown): TrainingFailedError {
  const hint = "Start it again: the adapter is kept, only the comparison is made anew";
  return new TrainingFailedError(runId, "the figures of the comparison cannot be read", hint, { cause });
}

function toError(runId: string, { error, cause, exitCode }: TrainerExit, directory: string): TrainingFailedError {
  if (error !== undefined) return new TrainingFailedError(runId, error.message, error.hint);
  const why = {
    exited: `the trainer ended with exit code ${exitCode ?? "unset (killed)"} and no word`,
    cancelled: "it was cancelled",
    silent: "the trainer said nothing for too long and was stopped",
    overlong: "it took longer than trainer.runMaxMs",
    babbling: "the trainer printed what is not its protocol",
    "not-started": "Python cannot be started",
  }[cause];
  return new TrainingFailedError(
    runId,
    why,
    `Read ${join(directory, "stderr.log")}; start it again to resume from the last checkpoint`,
  );
}
