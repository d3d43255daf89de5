import { describeError, OperatingError } from "#core/errors.ts";
import { type Adapter, hasEnded, type Run } from "#core/learning.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import { withdrawn } from "#core/service.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import { type Act, changeService } from "./activate-adapter.ts";
import { cancelTraining, type RequestParts, requestTraining } from "./request-training.ts";

export interface WithdrawParts extends RequestParts {
  readonly files: FileStore;
}

export interface Withdrawal {
  /** Out of service for good; their files are gone. */
  readonly adapters: readonly Adapter[];
  readonly runsCancelled: readonly Run[];
  /** What there is to train anew. */
  readonly scopes: readonly LearningScope[];
}

export interface Retraining {
  readonly requested: readonly Run[];
  /** Wait until readiness, the workspace or the schedule allows a run. */
  readonly waiting: readonly LearningScope[];
}

const RUNS_LOOKED_AT_MAX = 1000;
const CANCEL_WAIT_MAX_MS = 5000;
const CANCEL_LOOK_MS = 100;

/** For words that are erased already, such as a deleted message: withdraws what learned from them, and trains anew. */
export async function forgetTurns(
  parts: WithdrawParts,
  workspaceId: string,
  turnIds: readonly string[],
  act: Act,
): Promise<Withdrawal & Retraining> {
  const withdrawal = await withdrawAdapters(parts, workspaceId, turnIds, act);
  return { ...withdrawal, ...(await retrain(parts, withdrawal)) };
}

/**
 * Forgetting that reaches the weights: adapters that learned from one of these turns go out of service and are never loaded
 * again, and runs that hold its words are cancelled. `turnIds` are turns whose words are erased or about to be, or where a
 * person taught another's answer. Doing it twice changes nothing more.
 */
export async function withdrawAdapters(
  parts: WithdrawParts,
  workspaceId: string,
  turnIds: readonly string[],
  act: Act,
): Promise<Withdrawal> {
  if (turnIds.length === 0) return { adapters: [], runsCancelled: [], scopes: [] };
  const erased = new Set(turnIds);
  const runsCancelled = await cancelRuns(parts, workspaceId, erased, act);
  const adapters = await findLearners(parts.learning, workspaceId, erased);
  // Marked first: from here on nobody can load or activate them, whatever happens to this process.
  for (const adapter of adapters) await parts.learning.saveAdapter({ ...adapter, state: "retired" });
  for (const scope of await listServedScopes(parts.learning, workspaceId)) await takeOut(parts, scope, act);
  for (const digest of await listRetired(parts.learning, workspaceId)) await parts.files.remove(digest);
  await waitUntilEnded(parts.learning, runsCancelled);
  if (adapters.length + runsCancelled.length > 0) {
    const counts = { adapters: adapters.length, runsCancelled: runsCancelled.length };
    parts.log.info({ workspaceId, ...counts }, "adapters.withdrawn");
  }
  return { adapters, runsCancelled, scopes: scopesOf([...adapters, ...runsCancelled]) };
}

/** Asks for a run of each scope; to be called when the words are erased, or they would be learned again. */
export async function retrain(
  parts: RequestParts,
  { scopes, runsCancelled }: Pick<Withdrawal, "scopes" | "runsCancelled">,
): Promise<Retraining> {
  const requested: Run[] = [];
  const waiting: LearningScope[] = [];
  for (const scope of scopes) {
    const run = await requestIfReady(parts, scope);
    if (run === undefined || runsCancelled.some(({ id }) => id === run.id)) waiting.push(scope);
    else requested.push(run);
  }
  return { requested, waiting };
}

async function listRetired(learning: LearningStore, workspaceId: string): Promise<readonly string[]> {
  const adapters = await learning.listAdapters();
  return adapters
    .filter(({ scope, state }) => scope.workspaceId === workspaceId && state === "retired")
    .map(({ digest }) => digest);
}

/** A scope has one run at a time: the next is asked for when the cancelled one is gone, or by the schedule. */
async function waitUntilEnded(learning: LearningStore, runs: readonly Run[]): Promise<void> {
  for (let waitedMs = 0; waitedMs < CANCEL_WAIT_MAX_MS; waitedMs += CANCEL_LOOK_MS) {
    const found = await Promise.all(runs.map(({ id }) => learning.findRun(id)));
    if (found.every((run) => run === undefined || hasEnded(run.state))) return;
    await new Promise((resolve) => setTimeout(resolve, CANCEL_LOOK_MS));
  }
}

async function findLearners(
  learning: LearningStore,
  workspaceId: string,
  erased: ReadonlySet<string>,
): Promise<readonly Adapter[]> {
  const learners: Adapter[] = [];
  for (const adapter of await learning.listAdapters()) {
    if (adapter.scope.workspaceId !== workspaceId || adapter.state === "retired") continue;
    if (await restsOn(learning, adapter.datasetHash, erased)) learners.push(adapter);
  }
  return learners;
}

async function restsOn(learning: LearningStore, datasetHash: string, erased: ReadonlySet<string>): Promise<boolean> {
  const dataset = await learning.findDataset(datasetHash);
  return dataset?.sourceTurnIds.some((id) => erased.has(id)) === true;
}

/** A run that is still collecting may have read a word before it was erased. */
async function cancelRuns(
  parts: WithdrawParts,
  workspaceId: string,
  erased: ReadonlySet<string>,
  act: Act,
): Promise<readonly Run[]> {
  const cancelled: Run[] = [];
  for (const run of await parts.learning.listRuns({ limit: RUNS_LOOKED_AT_MAX })) {
    if (run.scope.workspaceId !== workspaceId || hasEnded(run.state) || run.state === "queued") continue;
    const holds = run.datasetHash === undefined || (await restsOn(parts.learning, run.datasetHash, erased));
    if (holds && (await cancelTraining(parts, run.id, act.by))) cancelled.push(run);
  }
  return cancelled;
}

async function listServedScopes(learning: LearningStore, workspaceId: string): Promise<readonly LearningScope[]> {
  const services = await learning.listServices();
  return services.map(({ scope }) => scope).filter((scope) => scope.workspaceId === workspaceId);
}

/** Looks at the state of adapters, not at a list: what a kill left half done is finished by the next call. */
async function takeOut(parts: WithdrawParts, scope: LearningScope, act: Act): Promise<void> {
  const adapters = await parts.learning.listAdapters(scope);
  const retired = new Set(adapters.filter(({ state }) => state === "retired").map(({ digest }) => digest));
  if (retired.size === 0) return;
  const served = await findServedBefore(parts.learning, adapters);
  await changeService(parts, scope, act, (service) => {
    const isFit = (adapter: Adapter) => adapter.baseDigest === service.baseDigest;
    const replacement =
      served.find((adapter) => adapter.digest === service.previous && isFit(adapter)) ?? served.find(isFit);
    return withdrawn(service, retired, replacement?.digest, {
      ...act,
      nowMs: parts.now(),
    });
  });
}

/** What nobody approved yet does not come into service by somebody else's wish to be forgotten. Newest first. */
async function findServedBefore(learning: LearningStore, adapters: readonly Adapter[]): Promise<readonly Adapter[]> {
  const served: Adapter[] = [];
  for (const adapter of adapters) {
    if (adapter.state !== "candidate") continue;
    const run = await learning.findRun(adapter.runId);
    if (run?.state === "activated") served.push(adapter);
  }
  return served;
}

async function requestIfReady(parts: RequestParts, scope: LearningScope): Promise<Run | undefined> {
  try {
    return await requestTraining(parts, scope, { by: "forgetting" });
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    parts.log.info({ domain: scope.domain, reason: describeError(error) }, "retraining.waits");
    return undefined;
  }
}

function scopesOf(items: readonly { readonly scope: LearningScope }[]): readonly LearningScope[] {
  return [...new Map(items.map(({ scope }) => [scopeKey(scope), scope])).values()];
}
