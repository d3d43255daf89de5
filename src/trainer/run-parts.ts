import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { PromptEncoder } from "#inference/prompt-encoder.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { DatasetSettings } from "./dataset-row.ts";
import type { JudgeSettings } from "./judge-adapter.ts";
import type { DrawLossCurve } from "./report-record.ts";
import type { TrainingBackend, TrainSettings } from "./training-backend.ts";

/** What a run needs; compose fills it. */
export interface RunParts {
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly files: FileStore;
  /** Where data sets wait for whichever machine goes on with the run. Undefined where there is but one. */
  readonly datasets?: FileStore;
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
