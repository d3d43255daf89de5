import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Now } from "#core/clock.ts";
import { OperatingError, TrainingFailedError, TrainingUnavailableError } from "#core/errors.ts";
import { type Dataset, hasEnded, type Run } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { buildDataset } from "./build-dataset.ts";
import { writeDataset, writeDurably, writeSummary } from "./dataset-files.ts";
import type { DatasetRow, DatasetSettings } from "./dataset-row.ts";
import { encodeRows } from "./encode-rows.ts";
import { type GeneralAnswers, readGeneralAnswers } from "./general-answers.ts";
import { type Judgement, type JudgeSettings, judgeAdapter, readHeldOut } from "./judge-adapter.ts";
import type { DrawLossCurve } from "./report-record.ts";
import { reportRun } from "./report-run.ts";
import { forgetWords, type RunFiles, readIfThere, readLines, runFiles } from "./run-files.ts";
import { openRunJournal, type RunJournal } from "./run-journal.ts";
import type { TrainEvent, TrainingBackend, TrainJob, TrainResult, TrainSettings } from "./training-backend.ts";

export interface RunParts {
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly files: FileStore;
  readonly events: EventBus;
  readonly backend: TrainingBackend;
  /** An engine of this process's own, on the same base that serves: the chat's engine is not slowed down by a run. */
  readonly openEngine: () => Promise<OpenedEngine>;
  readonly drawLossCurve: DrawLossCurve;
  readonly settings: RunSettings;
  readonly hash: (text: string) => string;
  readonly now: Now;
  readonly log: Log;
}

export interface OpenedEngine {
  readonly engine: InferenceEngine;
  readonly encoder: PromptEncoder;
  readonly base: BaseModel;
  close(): Promise<void>;
}

export interface RunSettings {
  readonly dataset: DatasetSettings;
  readonly days: number;
  readonly train: TrainSettings;
  readonly judge: JudgeSettings;
  readonly systemPromptFor: SystemPromptFor;
  readonly generalPrompts: readonly string[];
  readonly runsDirectory: string;
  readonly generalDirectory: string;
  /** A failed run is tried again, from its checkpoint, this often in all. */
  readonly attemptsMax: number;
}

/**
 * One run from words to a judged adapter: collect, tokenise, preflight, train, evaluate, grade. Every stage that ended is
 * on disk, so a run that was killed goes on where it was. The run ends as `activating` when the adapter may go into
 * service; who serves it does that. Rejects only when the run should be tried again.
 */
export async function runTraining(parts: RunParts, runId: string, signal: AbortSignal): Promise<Run> {
  const found = await parts.learning.findRun(runId);
  if (found === undefined) throw new TrainingUnavailableError(`run "${runId}" is not in the store`, "Start it again");
  const files = runFiles(parts.settings.runsDirectory, runId);
  if (hasEnded(found.state) || found.state === "activating") {
    await forgetWords(files); // a kill may have come before
    return found;
  }
  await mkdir(files.work, { recursive: true, mode: 0o700 });
  const startedAtMs = found.startedAtMs ?? parts.now();
  const journal = openRunJournal(parts, { ...found, startedAtMs, attempts: found.attempts + 1 });
  try {
    return await runStages(parts, journal, files, signal);
  } catch (error) {
    return await endFailed(parts, journal, files, error, signal);
  }
}

async function runStages(parts: RunParts, journal: RunJournal, files: RunFiles, signal: AbortSignal): Promise<Run> {
  await journal.enter("collecting", "Collecting what people liked and corrected");
  const dataset = await collect(parts, journal, files, signal);
  const opened = await parts.openEngine();
  try {
    const general = await answerGenerally(parts, journal, opened, signal);
    const job = await prepareJob(parts, journal, files, opened, dataset, general);
    await checkPreflight(parts, journal, job, signal);
    const trained = await train(parts, journal, files, job, signal);
    await journal.enter(
      "evaluating",
      `Comparing the new adapter with the base model on ${dataset.valid} held-out examples`,
    );
    const { engine, encoder, base } = opened;
    const judgement = await judgeAdapter(
      {
        backend: parts.backend,
        engine,
        encoder,
        base,
        journal,
        settings: parts.settings.judge,
        systemPromptFor: parts.settings.systemPromptFor,
      },
      { files, job, trained, general: general.heldOut, signal },
    );
    return await endJudged(parts, journal, files, { dataset, trained, judgement, opened });
  } finally {
    await opened.close();
  }
}

/** The same run collects once: its rows are what its checkpoints were made of. */
async function collect(parts: RunParts, journal: RunJournal, files: RunFiles, signal: AbortSignal): Promise<Dataset> {
  const { settings } = parts;
  const hash = journal.run.datasetHash;
  const stored = hash === undefined ? undefined : await parts.learning.findDataset(hash);
  if (stored !== undefined && (await readIfThere(join(files.data, "manifest.json"))) !== undefined) return stored;

  const built = await buildDataset(parts, {
    scope: journal.run.scope,
    days: settings.days,
    settings: settings.dataset,
    systemPromptFor: settings.systemPromptFor,
    signal,
  });
  const dataset = await writeDataset(built, files.data);
  await writeSummary(built, dataset, files.directory);
  await parts.learning.saveDataset(dataset);
  if (dataset.train === 0) {
    const why = dataset.dropped.map(({ rows, why: reason }) => `${rows} ${reason}`).join("; ");
    throw new TrainingUnavailableError(
      `no example is left in domain "${journal.run.scope.domain}"${why === "" ? "" : ` (${why})`}`,
      "Like or correct more replies; `reactune train <domain> --collect-only` shows what each filter leaves out",
    );
  }
  await journal.enter("preflight", describeDataset(dataset), { datasetHash: dataset.hash });
  return dataset;
}

function describeDataset({ train, valid, liked, corrected, servedAgain, pairs, dropped }: Dataset): string {
  const left = dropped.reduce((sum, item) => sum + item.rows, 0);
  const kinds = `${liked} liked, ${corrected} corrected, ${servedAgain} served again`;
  return `Data set: ${train} examples to train on and ${valid} held out (${kinds}), ${pairs} pairs; ${left} rows left out`;
}

async function answerGenerally(
  parts: RunParts,
  journal: RunJournal,
  { engine, base }: OpenedEngine,
  signal: AbortSignal,
): Promise<GeneralAnswers> {
  const { generalPrompts, systemPromptFor, generalDirectory } = parts.settings;
  return readGeneralAnswers({
    engine,
    base,
    prompts: generalPrompts,
    systemPromptFor,
    directory: generalDirectory,
    hash: parts.hash,
    onReply: (step, stepsTotal) => journal.progress({ step, stepsTotal }),
    signal,
  });
}

async function prepareJob(
  { settings }: RunParts,
  journal: RunJournal,
  files: RunFiles,
  { encoder, base }: OpenedEngine,
  dataset: Dataset,
  general: GeneralAnswers,
): Promise<TrainJob> {
  if (base.path === undefined) {
    throw new TrainingUnavailableError(
      "the base model's file is not on this machine",
      "Serve a local GGUF file (inference.model)",
    );
  }
  const valid = await readHeldOut(files);
  return {
    runId: journal.run.id,
    baseGguf: base.path,
    directory: files.work,
    trainRows: await encodeRows(
      encoder,
      files.tokens,
      "train",
      await readLines<DatasetRow>(join(files.data, "train.jsonl")),
    ),
    ...(valid.length === 0 ? {} : { validRows: await encodeRows(encoder, files.tokens, "valid", valid) }),
    ...(general.replay.length === 0
      ? {}
      : { replayRows: await encodeRows(encoder, files.tokens, "replay", general.replay) }),
    domain: journal.run.scope.domain,
    baseDigest: base.digest,
    datasetHash: dataset.hash,
    settings: settings.train,
  };
}

async function checkPreflight(parts: RunParts, journal: RunJournal, job: TrainJob, signal: AbortSignal): Promise<void> {
  const { problems, warnings, minutesEstimated } = await parts.backend.preflight(job, signal);
  for (const warning of warnings) await journal.say("warning", warning);
  const [first] = problems;
  if (first !== undefined) throw new TrainingUnavailableError(first.message, first.hint);
  const minutes = minutesEstimated === undefined ? "" : ` (about ${Math.max(1, Math.round(minutesEstimated))} min)`;
  await journal.enter("training", `Training a LoRA adapter of rank ${job.settings.rank}${minutes}`);
}

async function train(
  parts: RunParts,
  journal: RunJournal,
  files: RunFiles,
  job: TrainJob,
  signal: AbortSignal,
): Promise<TrainResult> {
  const done = await readIfThere(files.trained);
  if (done !== undefined) return JSON.parse(done);
  let lossValid: number | undefined;
  const result = await parts.backend.train(
    job,
    (event) => {
      if (event.kind === "validated") lossValid = event.lossValid;
      reportEvent(journal, event, lossValid);
    },
    signal,
  );
  await writeDurably(files.trained, JSON.stringify(result));
  return result;
}

function reportEvent(journal: RunJournal, event: TrainEvent, lossValid: number | undefined): void {
  if (event.kind === "progress") {
    const { kind: _, ...figures } = event;
    journal.progress({ ...figures, ...(lossValid === undefined ? {} : { lossValid }) });
  }
  if (event.kind === "warning") journal.say("warning", event.message).catch(() => {});
}

interface Outcome {
  readonly dataset: Dataset;
  readonly trained: TrainResult;
  readonly judgement: Judgement;
  readonly opened: OpenedEngine;
}

async function endJudged(parts: RunParts, journal: RunJournal, files: RunFiles, outcome: Outcome): Promise<Run> {
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
    state: judgement.isAccepted ? "candidate" : "rejected",
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
  await forgetWords(files); // last: a kill before it would leave a run that can neither go on nor begin again
  return journal.run;
}

/** `reactune-<domain>-<yyyymmdd>-<hash8>` */
function adapterName(domain: string, nowMs: number, digest: string): string {
  return `reactune-${domain}-${new Date(nowMs).toISOString().slice(0, 10).replaceAll("-", "")}-${digest.slice(0, 8)}`;
}

/** Cancelled is not failed. A trainer that failed is tried again while attempts are left; what cannot work is not. */
async function endFailed(
  parts: RunParts,
  journal: RunJournal,
  files: RunFiles,
  error: unknown,
  signal: AbortSignal,
): Promise<Run> {
  if (signal.aborted && signal.reason === CANCELLED) {
    const cancelled = await journal.end("cancelled", "Cancelled; what is in service stays");
    await forgetWords(files);
    return cancelled;
  }
  if (signal.aborted) throw error;
  if (error instanceof TrainingFailedError && journal.run.attempts < parts.settings.attemptsMax) {
    await journal.say("warning", `${error.message}; trying again from the last checkpoint`);
    throw error;
  }
  if (!(error instanceof OperatingError)) throw error;
  parts.log.error({ runId: journal.run.id, err: error }, "run.failed");
  const { code, message, hint } = error;
  const failed = await journal.end("failed", `${message}. ${hint}`, { error: { code, message, hint } });
  await forgetWords(files);
  return failed;
}

/** The reason of a signal that means "the operator cancelled this run"; another reason (shutting down) leaves it to be resumed. */
export const CANCELLED = "run cancelled";
