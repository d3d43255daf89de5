import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Adapter, Run } from "#core/learning.ts";
import type { ReadinessThresholds } from "#core/readiness.ts";
import { memoryEventBus } from "#events/memory/event-bus.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { openFileStore } from "#store/files/file-store.ts";
import type { RequestParts } from "#trainer/request-training.ts";
import type { RunParts } from "#trainer/run-parts.ts";
import { runTraining } from "#trainer/run-training.ts";
import type { TrainingBackend } from "#trainer/training-backend.ts";
import { SCRIPTED_BASE, scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { recordingLog } from "../bots/chat-world.ts";
import { makeTempFolder, openTempStore } from "../store/sqlite/temp-store.ts";
import { fixtureTrainer } from "./child/fixture-trainer.ts";
import { DatasetWorld, NOW_MS, SETTINGS } from "./dataset-world.ts";

/** As small as a domain may be. */
export const THRESHOLDS: ReadinessThresholds = {
  conversationsMin: 4,
  messagesMin: 8,
  feedbackMin: 4,
  scoreMeanMin: 3.5,
  examplesMin: 4,
  ratersMin: 3,
  newExamplesMin: 2,
};
const BASE = { ...SCRIPTED_BASE, path: "/base.gguf" };

export interface TrainingWorldOptions {
  /** Name of the program in the trainer's place. */
  readonly trainer?: string;
  readonly backend?: TrainingBackend;
  /** Liked turns, each in a conversation of its own. */
  readonly liked?: number;
  readonly workspaceId?: string;
  readonly attemptsMax?: number;
}

/** What a run needs, all real but the model's words and the trainer's figures. */
export async function openTrainingWorld(options: TrainingWorldOptions = {}) {
  const folder = makeTempFolder();
  const store = openTempStore(join(folder, "reactune.db"));
  const files = await openFileStore(join(folder, "adapters"), Date.now);
  const events = memoryEventBus();
  const { lines, log } = recordingLog();
  const people = new DatasetWorld(options.workspaceId);
  for (let index = 0; index < (options.liked ?? 30); index++) people.say({ scores: { ana: 5 }, reply: replyOf(index) });
  await people.saveTo(store);
  const clock = { nowMs: NOW_MS };
  const now = () => clock.nowMs++;
  let ids = 0;
  const newId = () => `id-${++ids}`;
  let enginesOpen = 0;
  const engine: InferenceEngine = scriptedEngine((question, adapter) => ({
    text: adapter === undefined ? "I do not know." : `Learned: ${question}`,
  }));
  const common = { ...store, files, events, now, newId, log };
  const run: RunParts = {
    ...common,
    backend: options.backend ?? fixtureTrainer(options.trainer ?? "succeeds", { silenceMaxMs: 3000 }),
    async openEngine() {
      enginesOpen++;
      const encoder = {
        contextTokens: 2048,
        encodePrompt: (messages: readonly { content: string }[]) => messages.map(({ content }) => content.length),
        encodeReply: (text: string) => [text.length],
      };
      return {
        engine,
        encoder,
        base: BASE,
        async close() {
          enginesOpen--;
        },
      };
    },
    drawLossCurve: () => ({ svg: "<svg/>", png: new Uint8Array() }),
    settings: {
      dataset: SETTINGS,
      days: 30,
      train: {
        rank: 8,
        alpha: 16,
        epochs: 3,
        learningRate: 1e-4,
        batchExamples: 2,
        accumulation: 2,
        contextTokens: 512,
        stepsMin: 3,
        checkpointEverySteps: 10,
        seed: 1,
        threads: 1,
      },
      judge: {
        gradeMin: "C",
        gapMax: 2.5,
        generalLossWorseMaxRatio: 0.05,
        parityMinRatio: 0.9,
        repliesMax: 8,
        replyTokensMax: 32,
        seed: 1,
      },
      systemPromptFor: async () => "Be kind.",
      generalPrompts: ["What is rain?", "Count to three.", "Name a colour.", "Say hello."],
      runsDirectory: join(folder, "runs"),
      generalDirectory: join(folder, "general"),
      attemptsMax: options.attemptsMax ?? 3,
    },
    hash: sha256,
  };
  const request: RequestParts = {
    ...common,
    jobs: sqliteJobQueue({ database: store.jobsDatabase, now, pollMs: 20, retryMs: 1 }),
    readiness: { thresholds: THRESHOLDS, days: 30 },
    isEnabled: true,
  };
  const world = {
    folder,
    store,
    files,
    lines,
    clock,
    people,
    scope: people.scope,
    run,
    request,
    activate: common,
    serving: { engine, base: BASE },
    enginesOpen: () => enginesOpen,
    async queueRun(changes: Partial<Run> = {}): Promise<Run> {
      const queued: Run = {
        id: "run-1",
        scope: people.scope,
        state: "queued",
        requestedBy: "operator",
        requestedAtMs: now(),
        examplesEver: 30,
        attempts: 0,
        ...changes,
      };
      await store.learning.saveRun(queued);
      return queued;
    },
    train: (signal = new AbortController().signal, parts: Partial<RunParts> = {}) =>
      runTraining({ ...run, ...parts }, "run-1", signal),
    messages: async (runId = "run-1") =>
      (await store.learning.listRunEvents(runId, 0, 1000)).map(({ message }) => message),
    async makeAdapter(content: string, changes: Partial<Adapter> = {}): Promise<string> {
      const path = join(folder, "source.gguf");
      writeFileSync(path, content);
      const { digest, bytes } = await files.put(path);
      await store.learning.saveAdapter({
        digest,
        name: `reactune-support-20261121-${digest.slice(0, 8)}`,
        baseDigest: BASE.digest,
        scope: people.scope,
        runId: "run-1",
        datasetHash: "d".repeat(64),
        bytes,
        grade: "B",
        state: "candidate",
        createdAtMs: now(),
        ...changes,
      });
      return digest;
    },
  };
  onTestFinished(() => {
    if (enginesOpen !== 0) throw new Error(`${enginesOpen} engines were left open`);
  });
  return world;
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function replyOf(index: number): string {
  return `Answer ${sha256(String(index)).slice(0, 20)} of ${sha256(`x${index}`).slice(0, 20)}`;
}
