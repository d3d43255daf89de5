import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import type { EventBus } from "#events/event-bus.ts";
import { readLearningLevel } from "#trainer/dataset-consent.ts";
import { ExampleVectors, type NearTurn } from "./example-index.ts";
import { createExampleReader, type ReaderParts, type ReaderSettings } from "./example-reader.ts";

/**
 * Answers that people liked or taught, found again for a question that is like theirs: of the same workspace, audience and domain,
 * and only where everybody concerned lets them teach. An index at hand proposes by meaning; the store, read at that moment,
 * decides: what was disliked, refused or erased a moment ago is no example, in whatever process.
 */
export interface ExampleFinder {
  /** Nearest first. Empty at the level `off`, and while the index is still being made. Never rejects. */
  find(ask: ExampleAsk): Promise<readonly Example[]>;
  /** Resolves when everything that was said before the call is in the index of this scope. */
  refresh(scope: LearningScope): Promise<void>;
  /** Resolves when nothing is read or embedded any more. */
  stop(): Promise<void>;
}

export interface Example {
  readonly turnId: string;
  readonly question: string;
  readonly answer: string;
  readonly similarity: number;
}

export interface ExampleAsk {
  readonly scope: LearningScope;
  readonly question: string;
  /** Turns that are in the prompt anyway. */
  readonly exceptTurnIds: ReadonlySet<string>;
  /** What will answer: it needs no example of what it was trained on. */
  readonly adapterDigest?: string;
}

export interface ExampleSettings extends ReaderSettings {
  /** 0: none. */
  readonly max: number;
  /** Least cosine of two questions. */
  readonly similarityMin: number;
}

export interface ExampleParts extends ReaderParts {
  readonly events: EventBus;
  readonly settings: ExampleSettings;
  readonly log: Log;
}

/** Hints can get lost, and other processes' never come: every index is read anew this often while it is asked. */
const READ_AGAIN_MS = 60_000;
/** A question waits no longer than this for an index in the making; the next one finds it. */
const WAIT_MAX_MS = 200;
/** More changes than these are found by reading everything anew. */
const CHANGED_MAX = 200;
/** The nearest ones that are looked up before giving up. */
const LOOKED_UP_MAX = 12;
const ADAPTERS_REMEMBERED_MAX = 32;
/** Where the hint of a change gets lost, the first examples come this much later. */
const OFF_KEPT_MS = 10_000;
const WORKSPACES_MAX = 1000;

export function openExampleFinder(parts: ExampleParts): ExampleFinder {
  const { settings } = parts;
  const index = new ExampleVectors(settings.turnsMax);
  const reader = createExampleReader(parts, index, () => isStopped);
  const readAtMs = new Map<string, number>();
  const changed = new Set<string>();
  const learned = new Map<string, ReadonlySet<string>>();
  const offUntilMs = new Map<string, number>();
  let changes = 0;
  let working: Promise<void> = Promise.resolve();
  let isStopped = false;
  const unsubscribe = parts.events.subscribe(["learning.changed", "turn.changed"], (hint) => {
    if (hint.kind === "learning.changed") {
      changes++;
      offUntilMs.clear();
      readAtMs.clear();
    } else if (changed.size < CHANGED_MAX) changed.add(hint.turnId);
    else readAtMs.clear();
  });

  /** One after the other: two readers of one scope would embed the same questions. */
  function work(act: () => Promise<void>): Promise<void> {
    working = working.then(async () => {
      if (!isStopped) await act();
    });
    const mine = working;
    working = mine.catch((error: unknown) => parts.log.error({ err: error }, "examples.not-read"));
    return mine;
  }

  async function catchUp(scope: LearningScope): Promise<void> {
    const readAt = readAtMs.get(scopeKey(scope));
    if (readAt === undefined || !index.has(scope) || parts.now() - readAt >= READ_AGAIN_MS) {
      readAtMs.set(scopeKey(scope), parts.now());
      await reader.readScope(scope);
    }
    for (const turnId of [...changed]) {
      changed.delete(turnId);
      await reader.readTurn(turnId);
    }
  }

  async function findNear(ask: ExampleAsk): Promise<readonly NearTurn[]> {
    if (index.size(ask.scope) === 0) return [];
    const [vector] = await parts.embedder.embed([ask.question]);
    if (vector === undefined) return [];
    const limit = LOOKED_UP_MAX + ask.exceptTurnIds.size;
    return index.search(ask.scope, vector, settings.similarityMin, limit);
  }

  async function learnedBy(digest: string): Promise<ReadonlySet<string>> {
    const known = learned.get(digest);
    if (known !== undefined) return known;
    const adapter = await parts.learning.findAdapter(digest);
    const dataset = adapter === undefined ? undefined : await parts.learning.findDataset(adapter.datasetHash);
    const turnIds = new Set(dataset?.sourceTurnIds);
    learned.set(digest, turnIds);
    const [oldest] = learned.keys();
    if (learned.size > ADAPTERS_REMEMBERED_MAX && oldest !== undefined) learned.delete(oldest);
    return turnIds;
  }

  /** Only a no is remembered: a yes may be taken back at any moment, in whatever process. */
  async function isOff(workspaceId: string): Promise<boolean> {
    const nowMs = parts.now();
    if (nowMs < (offUntilMs.get(workspaceId) ?? nowMs)) return true;
    const changesBefore = changes;
    if ((await readLearningLevel(parts.people, workspaceId)) !== "off") return false;
    if (offUntilMs.size >= WORKSPACES_MAX) offUntilMs.clear();
    if (changes === changesBefore) offUntilMs.set(workspaceId, nowMs + OFF_KEPT_MS);
    return true;
  }

  async function find(ask: ExampleAsk): Promise<readonly Example[]> {
    const { scope, exceptTurnIds, adapterDigest } = ask;
    if (await isOff(scope.workspaceId)) return [];
    const isNeeded = !readAtMs.has(scopeKey(scope)) || changed.size > 0;
    const caughtUp = work(() => catchUp(scope));
    if (isNeeded) await atMost(WAIT_MAX_MS, caughtUp);
    const near = await findNear(ask);
    if (near.length === 0) return [];
    const known = adapterDigest === undefined ? new Set<string>() : await learnedBy(adapterDigest);
    const examples: Example[] = [];
    const questions = new Set<string>();
    for (const { turnId, similarity } of near) {
      if (examples.length === settings.max) break;
      if (exceptTurnIds.has(turnId) || known.has(turnId)) continue;
      const turn = await parts.chat.findTurn(turnId);
      const answer = turn === undefined ? undefined : await reader.answerOf(turn, scope);
      if (turn === undefined || answer === undefined || questions.has(turn.question)) continue;
      questions.add(turn.question);
      examples.push({ turnId, question: turn.question, answer, similarity });
    }
    return examples;
  }

  return {
    async find(ask) {
      try {
        return settings.max === 0 ? [] : await find(ask);
      } catch (error) {
        parts.log.error({ err: error }, "examples.not-found");
        return [];
      }
    },
    refresh: (scope) => {
      readAtMs.delete(scopeKey(scope));
      return work(() => catchUp(scope));
    },
    async stop() {
      isStopped = true;
      unsubscribe();
      await working;
    },
  };
}

/** A failure within the time is the caller's to hear; one after it is logged where the work is done. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
