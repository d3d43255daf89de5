import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import { type Adapter, hasEnded, type Run } from "#core/learning.ts";
import { scopeKey } from "#core/scope.ts";
import type { Service } from "#core/service.ts";
import { stateOfAdapter } from "#trainer/activate-adapter.ts";
import type { AdapterName, AdapterView, ReadinessView, RunView, ServiceView } from "./api-records.ts";
import type { DomainReadiness } from "./dashboard-parts.ts";

/** Everything about learning that was read together, so that one answer never mixes two states. */
export interface LearningSnapshot {
  readonly adapters: readonly Adapter[];
  readonly services: readonly Service[];
  readonly runs: readonly Run[];
  readonly baseDigest: string;
}

export function viewReadiness({ domain, readiness }: DomainReadiness, snapshot: LearningSnapshot): ReadinessView {
  const activeRun = snapshot.runs.find((run) => run.scope.domain === domain && isLocal(run) && !hasEnded(run.state));
  return {
    domain,
    ...readiness,
    service: viewService(domain, snapshot),
    ...(activeRun === undefined ? {} : { activeRunId: activeRun.id }),
  };
}

function viewService(domain: string, { adapters, services, baseDigest }: LearningSnapshot): ServiceView {
  const service = services.find((item) => item.scope.domain === domain && isLocal(item));
  if (service === undefined) return { isDormant: false, canRollBack: false, reason: "nothing learned yet" };
  return {
    ...(service.active === undefined ? {} : { adapter: nameOf(service.active, adapters) }),
    ...(service.previous === undefined ? {} : { previous: nameOf(service.previous, adapters) }),
    isDormant: service.active !== undefined && service.baseDigest !== baseDigest,
    canRollBack: service.active !== undefined,
    reason: service.reason,
    ...(service.changedAtMs === 0 ? {} : { changedAtMs: service.changedAtMs }),
  };
}

export function viewAdapter(adapter: Adapter, { services, baseDigest }: LearningSnapshot): AdapterView {
  const service = services.find((item) => scopeKey(item.scope) === scopeKey(adapter.scope));
  const state = stateOfAdapter(adapter, service, baseDigest);
  const isIdle = state === "candidate" || state === "retired";
  return {
    digest: adapter.digest,
    name: adapter.name,
    domain: adapter.scope.domain,
    grade: adapter.grade,
    state: isIdle && service?.previous === adapter.digest ? "previous" : state,
    bytes: adapter.bytes,
    createdAtMs: adapter.createdAtMs,
    runId: adapter.runId,
    canActivate: isIdle,
  };
}

export function viewRun(run: Run, adapters: readonly Adapter[]): RunView {
  const { scope, adapterDigest, datasetHash: _hash, examplesEver: _examples, attempts: _attempts, ...rest } = run;
  return {
    ...rest,
    domain: scope.domain,
    hasEnded: hasEnded(run.state),
    ...(adapterDigest === undefined ? {} : { adapter: nameOf(adapterDigest, adapters) }),
  };
}

function nameOf(digest: string, adapters: readonly Adapter[]): AdapterName {
  return { digest, name: adapters.find((adapter) => adapter.digest === digest)?.name ?? digest.slice(0, 12) };
}

function isLocal({ scope }: { readonly scope: Run["scope"] }): boolean {
  return scope.workspaceId === LOCAL_WORKSPACE_ID;
}
