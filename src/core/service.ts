import type { LearningScope } from "./scope.ts";

/**
 * What is in service for one scope: the single record that decides. It changes by compare-and-set on `epoch`; every
 * process reads it again within a second.
 */
export interface Service {
  readonly scope: LearningScope;
  /** Digest of the adapter that answers new conversations; undefined: the base model answers. */
  readonly active?: string;
  /** What a roll back puts back; undefined: the base model. */
  readonly previous?: string;
  readonly canary?: string;
  /** Share of new conversations that the canary answers, 0 to 1. */
  readonly ratio: number;
  /** Grows by one with every change. */
  readonly epoch: number;
  /** Conversations whose arm was chosen before this epoch choose again at their next turn: set by roll back and forgetting. */
  readonly movedEpoch: number;
  /** Digest of the base model that `active` belongs to. */
  readonly baseDigest?: string;
  readonly changedAtMs: number;
  readonly changedBy: string;
  readonly reason: string;
}

/** Who answers a turn: the base model, or one adapter. */
export interface Arm {
  readonly adapterDigest?: string;
  /** The service's epoch when the arm was chosen. */
  readonly epoch: number;
}

export function emptyService(scope: LearningScope): Service {
  return {
    scope,
    ratio: 0,
    epoch: 0,
    movedEpoch: 0,
    changedAtMs: 0,
    changedBy: "reactune",
    reason: "nothing learned yet",
  };
}

export interface ServiceAct {
  readonly by: string;
  readonly nowMs: number;
  readonly reason: string;
}

/** Open conversations keep their arm; new ones get the adapter. */
export function activated(service: Service, digest: string, baseDigest: string, act: ServiceAct): Service {
  const { active, canary: _, previous: __, ...rest } = service;
  return {
    ...rest,
    active: digest,
    // A dormant adapter is nothing to roll back to: the base model is.
    ...(active === undefined || service.baseDigest !== baseDigest ? {} : { previous: active }),
    baseDigest,
    epoch: service.epoch + 1,
    changedAtMs: act.nowMs,
    changedBy: act.by,
    reason: act.reason,
  };
}

/** Puts `previous` (or the base model) back and moves every open conversation at its next turn. */
export function rolledBack(service: Service, act: ServiceAct): Service {
  const { active: _, canary: __, previous, ...rest } = service;
  const epoch = service.epoch + 1;
  return {
    ...rest,
    ...(previous === undefined ? {} : { active: previous }),
    epoch,
    movedEpoch: epoch,
    changedAtMs: act.nowMs,
    changedBy: act.by,
    reason: act.reason,
  };
}

/**
 * Takes adapters that must not answer any more out of service, wherever the record names them; `replacement` answers instead,
 * or the base model. Undefined when none of them is named. Open conversations move, as with a roll back.
 */
export function withdrawn(
  service: Service,
  digests: ReadonlySet<string>,
  replacement: string | undefined,
  act: ServiceAct,
): Service | undefined {
  const { active, previous, canary, ...rest } = service;
  const isNamed = (digest: string | undefined): digest is string => digest !== undefined && digests.has(digest);
  if (!isNamed(active) && !isNamed(previous) && !isNamed(canary)) return undefined;
  const epoch = service.epoch + 1;
  const next = isNamed(active) ? replacement : active;
  const before = previous === next || isNamed(previous) ? undefined : previous;
  return {
    ...rest,
    ...(next === undefined ? {} : { active: next }),
    ...(before === undefined ? {} : { previous: before }),
    ...(canary === undefined || isNamed(canary) ? {} : { canary }),
    ratio: isNamed(canary) ? 0 : service.ratio,
    epoch,
    movedEpoch: epoch,
    changedAtMs: act.nowMs,
    changedBy: act.by,
    reason: act.reason,
  };
}

/**
 * The arm for a turn. `kept` is the arm that the conversation has; it stays unless a roll back came after it.
 * An adapter of another base is dormant: the base model answers.
 */
export function chooseArm(service: Service, kept: Arm | undefined, baseDigest: string): Arm {
  if (kept !== undefined && kept.epoch >= service.movedEpoch) return kept;
  if (service.active === undefined || service.baseDigest !== baseDigest) return { epoch: service.epoch };
  return { adapterDigest: service.active, epoch: service.epoch };
}
