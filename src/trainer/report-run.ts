import type { GradeLimits } from "#core/grade.ts";
import type { Dataset, Run } from "#core/learning.ts";
import type { BaseModel } from "#inference/inference-engine.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { Judgement } from "./judge-adapter.ts";
import { writeReport } from "./report-files.ts";
import type { DrawLossCurve, LossPoint } from "./report-record.ts";
import type { TrainResult } from "./training-backend.ts";

export interface ReportParts {
  readonly learning: LearningStore;
  readonly drawLossCurve: DrawLossCurve;
  readonly limits: GradeLimits;
  readonly now: () => number;
}

export interface ReportSubject {
  readonly run: Run;
  readonly dataset: Dataset;
  readonly trained: TrainResult;
  readonly judgement: Judgement;
  readonly base: BaseModel;
  readonly directory: string;
}

const EVENTS_PAGE = 1000;

/**
 * Writes report.md, report.json and the loss curve. The replies that were compared are people's words and are left out:
 * they exist only while the run does.
 */
export async function reportRun(parts: ReportParts, subject: ReportSubject): Promise<void> {
  const { run, trained, judgement } = subject;
  const { lossTrain, lossValid } = await readLossPoints(parts.learning, run.id);
  await writeReport(
    {
      run,
      dataset: subject.dataset,
      figures: judgement.figures,
      graded: judgement,
      limits: parts.limits,
      baseModelName: subject.base.name,
      adapterDigest: trained.digest,
      createdAtMs: parts.now(),
      training: {
        steps: trained.steps,
        totalMs: trained.totalMs,
        tokensPerSecond: trained.tokensPerSecond,
        memoryPeakBytes: trained.memoryPeakBytes,
        rank: trained.settings.rank,
        epochs: trained.settings.epochs,
        lossTrain,
        lossValid,
      },
      samples: [],
    },
    subject.directory,
    parts.drawLossCurve,
  );
}

/** From the run's live log: what people saw while it trained is what the curve shows. */
async function readLossPoints(
  learning: LearningStore,
  runId: string,
): Promise<{ readonly lossTrain: readonly LossPoint[]; readonly lossValid: readonly LossPoint[] }> {
  const lossTrain = new Map<number, number>();
  const lossValid = new Map<number, number>();
  for (let after = 0; ; ) {
    const events = await learning.listRunEvents(runId, after, EVENTS_PAGE);
    for (const { progress } of events) {
      if (progress?.phase !== "training") continue;
      if (progress.lossTrain !== undefined) lossTrain.set(progress.step, progress.lossTrain);
      if (progress.lossValid !== undefined && [...lossValid.values()].at(-1) !== progress.lossValid) {
        lossValid.set(progress.step, progress.lossValid);
      }
    }
    const last = events.at(-1);
    if (last === undefined || events.length < EVENTS_PAGE) break;
    after = last.sequence;
  }
  return { lossTrain: toPoints(lossTrain), lossValid: toPoints(lossValid) };
}

function toPoints(losses: ReadonlyMap<number, number>): readonly LossPoint[] {
  return [...losses].map(([step, loss]) => ({ step, loss })).sort((a, b) => a.step - b.step);
}
