import type { NewId, Now } from "#core/clock.ts";
import {
  AdapterNotFoundError,
  AdapterRefusedError,
  LearningNotAllowedError,
  ServiceConflictError,
} from "#core/errors.ts";
import type { Adapter } from "#core/learning.ts";
import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import { activated, emptyService, rolledBack, type Service } from "#core/service.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { AdapterFile, BaseModel, InferenceEngine } from "#inference/inference-engine.ts";
import type { FileStore } from "#store/file-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { readLearningLevel } from "./dataset-consent.ts";

export interface ActivateParts {
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly files: FileStore;
  readonly events: EventBus;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

/** The engine that will serve the adapter, and its base. */
export interface ServingEngine {
  readonly engine: InferenceEngine;
  readonly base: BaseModel;
}

export interface Act {
  readonly by: string;
  readonly reason: string;
}

export const WITHDRAWN = "it learned from words that were erased, and was withdrawn";
const COMPARE_AND_SET_TRIES = 5;
const WARM_UP_TIMEOUT_MS = 30_000;

/**
 * Puts an adapter into service: loaded beside the old one, a warm-up prompt answered, then one record changes. Streams
 * that run finish on what they began with. Rejects with AdapterNotFoundError, AdapterRefusedError, ServiceConflictError, and with
 * LearningNotAllowedError when the workspace no longer allows what the adapter was made of.
 */
export async function activateAdapter(
  parts: ActivateParts,
  { engine, base }: ServingEngine,
  digest: string,
  act: Act,
): Promise<Service> {
  const adapter = await parts.learning.findAdapter(digest);
  if (adapter === undefined) throw new AdapterNotFoundError(digest);
  if (adapter.state === "rejected")
    throw new AdapterRefusedError(digest, `it was graded ${adapter.grade} and rejected`);
  if (adapter.state === "retired") throw new AdapterRefusedError(digest, WITHDRAWN);
  if (base.adapters === "never") throw new AdapterRefusedError(digest, `${base.name} takes no adapters`);
  const level = await readLearningLevel(parts.people, adapter.scope.workspaceId);
  if (level !== "adapters") throw new LearningNotAllowedError(`put adapter "${adapter.name}" into service`, level);
  const file = await openKnownAdapter(parts, base, digest);
  if (file === undefined) throw new AdapterNotFoundError(digest);

  await engine.prepare({ adapter: file });
  await warmUp(engine, file);
  return changeService(parts, adapter.scope, act, (service) =>
    service.active === digest
      ? undefined
      : activated(service, digest, base.digest, { by: act.by, reason: act.reason, nowMs: parts.now() }),
  );
}

export interface RollBackAct extends Act {
  /** The adapter that shall answer no more: of several who ask for that at once, one rolls back. */
  readonly from?: string;
}

/**
 * Puts the adapter before the active one (or the base model) back; every open conversation moves at its next turn. Rejects with
 * ServiceConflictError when another one than `from` answers.
 */
export async function rollBackAdapter(parts: ActivateParts, scope: LearningScope, act: RollBackAct): Promise<Service> {
  const service = await changeService(parts, scope, act, (current) => {
    if (act.from !== undefined && current.active !== act.from) throw new ServiceConflictError(scope.domain);
    if (current.active === undefined) throw new AdapterNotFoundError(`in service for ${scope.domain}`);
    return rolledBack(current, { by: act.by, reason: act.reason, nowMs: parts.now() });
  });
  return service;
}

/** Invariant 6: only what this store made is loaded, and only on its own base. Undefined when the file is gone. */
export async function openKnownAdapter(
  { learning, files }: Pick<ActivateParts, "learning" | "files">,
  base: BaseModel,
  digest: string,
): Promise<AdapterFile | undefined> {
  const adapter = await learning.findAdapter(digest);
  if (adapter === undefined) throw new AdapterRefusedError(digest, "this store did not make it");
  if (adapter.state === "retired") throw new AdapterRefusedError(digest, WITHDRAWN);
  if (adapter.baseDigest !== base.digest) {
    throw new AdapterRefusedError(digest, `it belongs to another base model than "${base.name}"`);
  }
  return files.open(digest);
}

/** An adapter that loads and then says nothing (not-a-number weights) must not reach people. */
async function warmUp(engine: InferenceEngine, adapter: AdapterFile): Promise<void> {
  const chunks = engine.generate({
    conversationId: `warm-up:${adapter.digest}`,
    messages: [{ role: "user", content: "Hello" }],
    adapter,
    sampling: { temperature: 0, topP: 1, topK: 1, repeatPenalty: 1 },
    replyTokensMax: 8,
    signal: AbortSignal.timeout(WARM_UP_TIMEOUT_MS),
  });
  let text = "";
  for await (const chunk of chunks) if (chunk.kind === "text") text += chunk.text;
  if (text.trim() === "") throw new AdapterRefusedError(adapter.digest, "it answered the warm-up prompt with nothing");
}

/** `change` returns undefined when nothing is to be done. Rejects with ServiceConflictError after too many tries. */
export async function changeService(
  parts: Pick<ActivateParts, "learning" | "people" | "events" | "now" | "newId" | "log">,
  scope: LearningScope,
  act: Act,
  change: (service: Service) => Service | undefined,
): Promise<Service> {
  for (let tries = 0; tries < COMPARE_AND_SET_TRIES; tries++) {
    const before = (await parts.learning.getService(scope)) ?? emptyService(scope);
    const after = change(before);
    if (after === undefined) return before;
    if (!(await parts.learning.compareAndSetService(after, before.epoch))) continue;

    parts.events.publish({ kind: "service.changed", scopeKey: scopeKey(scope) });
    await recordChange(parts, act, before, after);
    return after;
  }
  throw new ServiceConflictError(scopeKey(scope));
}

async function recordChange(
  parts: Pick<ActivateParts, "people" | "now" | "newId" | "log">,
  act: Act,
  before: Service,
  after: Service,
): Promise<void> {
  await parts.people.appendAudit({
    id: parts.newId(),
    atMs: parts.now(),
    who: act.by,
    what: `service.changed ${scopeKey(after.scope)}: ${act.reason}`,
    workspaceId: after.scope.workspaceId,
    before: before.active ?? "base",
    after: after.active ?? "base",
  });
  parts.log.info(
    {
      domain: after.scope.domain,
      before: before.active ?? "base",
      after: after.active ?? "base",
      epoch: after.epoch,
      by: act.by,
    },
    "service.changed",
  );
}

/** What an adapter is at this moment: `active` and `canary` are derived from the service record, never stored twice. */
export function stateOfAdapter(
  adapter: Adapter,
  service: Service | undefined,
  baseDigest: string,
): AdapterView["state"] {
  if (adapter.state !== "candidate") return adapter.state;
  if (adapter.baseDigest !== baseDigest) return "dormant";
  if (service?.active === adapter.digest) return "active";
  if (service?.canary === adapter.digest) return "canary";
  return adapter.state;
}

export interface AdapterView extends Omit<Adapter, "state"> {
  /** `dormant`: of another base model than the one that is served. */
  readonly state: Adapter["state"] | "active" | "canary" | "dormant";
}

/** Newest first. */
export async function listAdapters(learning: LearningStore, baseDigest: string): Promise<readonly AdapterView[]> {
  const services = new Map((await learning.listServices()).map((service) => [scopeKey(service.scope), service]));
  return (await learning.listAdapters()).map((adapter) => ({
    ...adapter,
    state: stateOfAdapter(adapter, services.get(scopeKey(adapter.scope)), baseDigest),
  }));
}
