import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { DatasetRefusedError, TrainingUnavailableError } from "#core/errors.ts";
import { type Dataset, hasEnded, type Run } from "#core/learning.ts";
import { buildDataset } from "./build-dataset.ts";
import { mayTrain } from "./dataset-consent.ts";
import { writeDataset, writeDurably, writeSummary } from "./dataset-files.ts";
import { packDataset, receiveDataset, sendDataset } from "./dataset-parcel.ts";
import type { DatasetRow } from "./dataset-row.ts";
import { encodeRows } from "./encode-rows.ts";
import { endFailed, endJudged, NOT_ALLOWED } from "./end-run.ts";
import { type GeneralAnswers, readGeneralAnswers } from "./general-answers.ts";
import { judgeAdapter, readHeldOut } from "./judge-adapter.ts";
import { forgetRun, type RunFiles, readIfThere, readLines, runFiles } from "./run-files.ts";
import { openRunJournal, type RunJournal } from "./run-journal.ts";
import type { OpenedEngine, RunParts } from "./run-parts.ts";
import type { TrainEvent, TrainJob, TrainResult } from "./training-backend.ts";

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
    await forgetRun(parts, found, files); // a kill may have come before
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
  if (!(await mayTrain(parts.people, journal.run.scope.workspaceId))) {
    const run = await journal.end("cancelled", NOT_ALLOWED);
    await forgetRun(parts, run, files);
    return run;
  }
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

/** The same run collects once, wherever it goes on: its rows are what its checkpoints were made of. */
async function collect(parts: RunParts, journal: RunJournal, files: RunFiles, signal: AbortSignal): Promise<Dataset> {
  const { settings } = parts;
  const hash = journal.run.datasetHash;
  const stored = hash === undefined ? undefined : await parts.learning.findDataset(hash);
  if (stored !== undefined && (await hasDataset(parts, journal, files))) return stored;

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
  const { datasets } = parts;
  const parcel = datasets === undefined ? undefined : await packDataset(files.data);
  // Named first: what lies in the store without a run that names it would never go.
  await journal.enter("preflight", describeDataset(dataset), {
    datasetHash: dataset.hash,
    ...(parcel === undefined ? {} : { datasetFile: parcel.digest }),
  });
  if (datasets !== undefined && parcel !== undefined) await sendDataset(datasets, parcel, files.directory);
  return dataset;
}

/** Here, or brought here from the machine that collected it. One that was changed on the way is refused and collected anew. */
async function hasDataset(parts: RunParts, journal: RunJournal, files: RunFiles): Promise<boolean> {
  if ((await readIfThere(join(files.data, "manifest.json"))) !== undefined) return true;
  const { datasetFile, id: runId } = journal.run;
  if (parts.datasets === undefined || datasetFile === undefined) return false;
  try {
    const isReceived = await receiveDataset(parts.datasets, datasetFile, files.data);
    if (isReceived) parts.log.info({ runId, digest: datasetFile }, "dataset.received");
    return isReceived;
  } catch (error) {
    if (!(error instanceof DatasetRefusedError)) throw error;
    parts.log.error({ runId, err: error }, "dataset.refused");
    await parts.datasets.remove(datasetFile);
    await journal.say("warning", `${error.message}; collecting it anew`);
    return false;
  }
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
  const { problems, warnings, backend, minutesEstimated } = await parts.backend.preflight(job, signal);
  for (const warning of warnings) await journal.say("warning", warning);
  const [first] = problems;
  if (first !== undefined) throw new TrainingUnavailableError(first.message, first.hint);
  const minutes = minutesEstimated === undefined ? "" : ` (about ${Math.max(1, Math.round(minutesEstimated))} min)`;
  await journal.enter(
    "training",
    `Training a LoRA adapter of rank ${job.settings.rank}${backend === undefined ? "" : ` with ${backend}`}${minutes}`,
  );
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
