import { join } from "node:path";
import { type EvaluatedReply, type EvaluationFigures, evaluate } from "#core/evaluation.ts";
import { type GradedAdapter, type GradeLimits, gradeAdapter } from "#core/grade.ts";
import type { AdapterFile, BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import { leakProbes } from "./dataset-probes.ts";
import type { DatasetRow, PairRow } from "./dataset-row.ts";
import { encodePairs, encodeParity, encodeRows, type WordRow } from "./encode-rows.ts";
import { generateReplies, type ReplyQuestion } from "./generate-replies.ts";
import { type RunFiles, readLines } from "./run-files.ts";
import type { RunJournal } from "./run-journal.ts";
import type { EvaluateResult, TrainingBackend, TrainJob, TrainResult } from "./training-backend.ts";

export interface JudgeSettings extends GradeLimits {
  /** Held-out questions that are answered with base and adapter. */
  readonly repliesMax: number;
  readonly replyTokensMax: number;
  readonly seed: number;
}

export interface JudgeParts {
  readonly backend: TrainingBackend;
  readonly engine: InferenceEngine;
  readonly encoder: PromptEncoder;
  readonly base: BaseModel;
  readonly journal: RunJournal;
  readonly settings: JudgeSettings;
  readonly systemPromptFor: SystemPromptFor;
}

/** What is judged, and on what. */
export interface JudgeSubject {
  readonly files: RunFiles;
  readonly job: TrainJob;
  readonly trained: TrainResult;
  /** General rows that were not trained on. */
  readonly general: readonly WordRow[];
  readonly signal: AbortSignal;
}

export interface Judgement extends GradedAdapter {
  readonly figures: EvaluationFigures;
  /** Held-out questions with the wanted answer and both replies; words of people. */
  readonly replies: readonly EvaluatedReply[];
}

/** Rows of the training set that are scored again for the overfitting gap. */
const TRAIN_ROWS_MAX = 100;

/** Base against adapter on what neither was trained on, by the served files in the serving engine; then the grade. */
export async function judgeAdapter(parts: JudgeParts, subject: JudgeSubject): Promise<Judgement> {
  const { files, trained, general } = subject;
  const valid = await readHeldOut(files);
  const train = await readLines<DatasetRow>(join(files.data, "train.jsonl"));
  const allPairs = await readLines<PairRow>(join(files.data, "pairs.jsonl"));
  const pairs = allPairs.filter((pair) => pair.split === "valid");
  const adapter: AdapterFile = { digest: trained.digest, path: trained.adapterPath };
  const asked = valid.slice(0, parts.settings.repliesMax);
  const probes = leakProbes(train, await parts.systemPromptFor(""));
  const spoken = await speak(parts, subject, adapter, [...asked, ...probes]);
  const measured = await measure(parts, subject, { valid, train, general, pairs, spoken });
  const replies = asked.map(({ id, target }) => ({ id, expected: target, ...spoken.of(id) }));
  const figures = evaluate({
    ...measured,
    replies,
    probes: probes.map(({ id, secrets }) => ({ id, secrets, ...spoken.of(id) })),
    conversations: new Map([...valid, ...train].map((row) => [row.id, row.conversation])),
    lossTrainLast: trained.lossTrainLast,
    seed: parts.settings.seed,
  });
  return { ...gradeAdapter(figures, parts.settings), figures, replies };
}

/** What people liked or taught; an answer that was only served again is nobody's word that it is good. */
export async function readHeldOut(files: RunFiles): Promise<readonly DatasetRow[]> {
  const rows = await readLines<DatasetRow>(join(files.data, "valid.jsonl"));
  return rows.filter((row) => row.kind !== "served-again");
}

interface Spoken {
  readonly questions: readonly ReplyQuestion[];
  of(id: string): { readonly base: string; readonly adapter: string };
}

async function speak(
  { engine, journal, settings }: JudgeParts,
  { signal }: JudgeSubject,
  adapter: AdapterFile,
  questions: readonly ReplyQuestion[],
): Promise<Spoken> {
  const { replyTokensMax } = settings;
  const stepsTotal = questions.length * 2;
  const report = (before: number) => (done: number) => journal.progress({ step: before + done, stepsTotal });
  const base = await generateReplies(engine, questions, { replyTokensMax, onReply: report(0), signal });
  const withAdapter = await generateReplies(engine, questions, {
    adapter,
    replyTokensMax,
    onReply: report(questions.length),
    signal,
  });
  return { questions, of: (id) => ({ base: base.get(id) ?? "", adapter: withAdapter.get(id) ?? "" }) };
}

interface Measurable {
  readonly valid: readonly DatasetRow[];
  readonly train: readonly DatasetRow[];
  readonly general: readonly WordRow[];
  readonly pairs: readonly PairRow[];
  readonly spoken: Spoken;
}

async function measure(
  { backend, encoder, base }: JudgeParts,
  { files, job, trained, signal }: JudgeSubject,
  { valid, train, general, pairs, spoken }: Measurable,
): Promise<EvaluateResult> {
  const encode = (name: string, rows: readonly WordRow[]) => encodeRows(encoder, files.tokens, `judge-${name}`, rows);
  const sets = { valid, general, train: train.slice(0, TRAIN_ROWS_MAX) };
  const parity = spoken.questions
    .map((question) => ({ ...question, target: spoken.of(question.id).adapter }))
    .filter(({ target }) => target !== "");
  return backend.evaluate(
    {
      runId: job.runId,
      baseGguf: base.path ?? job.baseGguf,
      adapterPath: trained.adapterPath,
      directory: files.work,
      sets: await Promise.all(
        Object.entries(sets)
          .filter(([, rows]) => rows.length > 0)
          .map(async ([name, rows]) => ({ name, rows: await encode(name, rows) })),
      ),
      ...(pairs.length === 0 ? {} : { pairs: await encodePairs(encoder, files.tokens, "judge-pairs", pairs) }),
      ...(parity.length === 0 ? {} : { parity: await encodeParity(encoder, files.tokens, "judge-parity", parity) }),
      contextTokens: job.settings.contextTokens,
      threads: job.settings.threads,
    },
    () => {},
    signal,
  );
}
