import { type Conversation, titleOf } from "#core/conversation.ts";
import { emptyService } from "#core/service.ts";
import type { Turn } from "#core/turn.ts";
import type { Archive } from "#store/archive.ts";
import {
  conversationRecord,
  deliveryRecord,
  feedbackRecord,
  inboxEventRecord,
  turnRecord,
} from "#store/record-chat.ts";
import { adapterRecord, runEventRecord, runRecord, serviceRecord } from "#store/record-learning.ts";
import {
  auditEntryRecord,
  permissionRecord,
  reportRecord,
  settingRecord,
  userChoiceRecord,
} from "#store/record-people.ts";
import type { CacheEntry, SemanticCache } from "#store/semantic-cache.ts";
import { type BenchRecordsOptions, benchScores, benchTargets, benchTurns } from "./bench-records.ts";

interface Kind {
  readonly kind: string;
  readonly version: number;
}

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** Of so many turns one was delivered lately, or reported. */
const DELIVERED_EVERY = 10;
const REPORTED_EVERY = 500;
const RUNS = 300;
const ADAPTERS = 200;
const AUDITS = 5000;
const EVENTS = 20_000;
const SMALL_LISTS = 500;

/** Fills an empty store by its own import: everything that a community of this size leaves there. `tell` hears of lines. */
export async function fillStore(
  archive: Archive,
  options: BenchRecordsOptions,
  tell: (lines: number) => void,
): Promise<ReadonlyMap<string, number>> {
  const { byKind } = await archive.importLines(linesOf(options, tell), { replace: false });
  return byKind;
}

async function* linesOf(options: BenchRecordsOptions, tell: (lines: number) => void): AsyncGenerator<string> {
  let lines = 0;
  yield JSON.stringify({ kind: "header", version: 1 });
  for (const [{ kind, version }, record] of recordsOf(options)) {
    yield JSON.stringify({ kind, version, record });
    if (++lines % 5000 === 0) tell(lines);
  }
}

type KindAndRecord = readonly [Kind, object];

function* recordsOf(options: BenchRecordsOptions): Generator<KindAndRecord> {
  yield* placeRecords(options);
  yield* learningRecords(options);
  let conversation: Conversation | undefined;
  let number = 0;
  for (const turn of benchTurns(options)) {
    if (conversation !== undefined && conversation.id !== turn.conversationId) yield [conversationRecord, conversation];
    conversation = growConversation(conversation, turn);
    yield [turnRecord, turn];
    yield* recordsBeside(turn, number, options.nowMs);
    number += 1;
  }
  if (conversation !== undefined) yield [conversationRecord, conversation];
  for (const score of benchScores(options)) yield [feedbackRecord, score];
}

function growConversation(before: Conversation | undefined, turn: Turn): Conversation {
  if (before?.id === turn.conversationId) return { ...before, lastTurnAtMs: turn.askedAtMs, turns: before.turns + 1 };
  const { platform, workspaceId, channelId, visibility, audience } = turn;
  return {
    ...{ platform, workspaceId, channelId, visibility, audience },
    id: turn.conversationId,
    domain: turn.domain.domain,
    arms: [{ domain: turn.domain.domain, epoch: 0 }],
    openedAtMs: turn.askedAtMs,
    lastTurnAtMs: turn.askedAtMs,
    turns: 1,
    title: titleOf(turn.question),
  };
}

function* recordsBeside(turn: Turn, number: number, nowMs: number): Generator<KindAndRecord> {
  const { id: turnId, workspaceId, channelId, platform, visibility, askerId, askedAtMs } = turn;
  if (number % DELIVERED_EVERY === 0) {
    yield [deliveryRecord, { turnId, part: 0, state: "posted", messageId: `${turnId} reply`, changedAtMs: askedAtMs }];
  }
  if (number % REPORTED_EVERY === 0) {
    const closed = number % (2 * REPORTED_EVERY) === 0 ? { closedBy: "U1", closedAtMs: nowMs } : {};
    const report = { workspaceId, channelId, turnId, reportedBy: "U2", reason: "It is wrong", atMs: askedAtMs };
    yield [reportRecord, { ...report, ...closed }];
  }
  if (number < EVENTS) {
    const place = { platform, workspaceId, channelId, visibility, userId: askerId };
    const message = { ...place, messageId: `${turnId} question`, text: "", sentAtMs: askedAtMs };
    const receivedAtMs = nowMs - (number % 7) * DAY_MS;
    yield [inboxEventRecord, { id: `event ${number}`, message, state: "done", attempts: 1, receivedAtMs }];
  }
}

function* placeRecords({ nowMs }: BenchRecordsOptions): Generator<KindAndRecord> {
  const { workspaceId } = benchTargets();
  const granted = { level: "adapters", grantedBy: "U1", wordingVersion: 1, changedAtMs: nowMs } as const;
  yield [permissionRecord, { workspaceId, ...granted }];
  for (let number = 0; number < SMALL_LISTS; number += 1) {
    yield [userChoiceRecord, { workspaceId, userId: `U${4000 + number}`, learns: false, changedAtMs: nowMs }];
    const setting = { workspaceId, channelId: `C${number}`, key: "moderation.isPaused", value: "false" };
    yield [settingRecord, { ...setting, setBy: "U1", setAtMs: nowMs }];
  }
  for (let number = 0; number < AUDITS; number += 1) {
    const audit = { atMs: nowMs - number * MINUTE_MS, who: "U1", what: "setting.changed", workspaceId };
    yield [auditEntryRecord, { id: `audit ${number}`, ...audit }];
  }
}

function* learningRecords({ nowMs }: BenchRecordsOptions): Generator<KindAndRecord> {
  const { scope } = benchTargets();
  for (let number = 0; number < RUNS; number += 1) {
    const requestedAtMs = nowMs - (RUNS - number) * 60 * MINUTE_MS;
    const asked = { scope, requestedBy: "schedule", requestedAtMs, examplesEver: 100, attempts: 1 };
    const ended = { state: "activated", endedAtMs: requestedAtMs + MINUTE_MS, verdict: "It answers better" };
    yield [runRecord, { id: `run-${number}`, ...asked, ...ended }];
  }
  for (let sequence = 1; sequence <= AUDITS; sequence += 1) {
    const line = { atMs: nowMs - sequence, level: "info", message: "a step of the run" };
    yield [runEventRecord, { runId: "run-0", sequence, ...line }];
  }
  for (let number = 0; number < ADAPTERS; number += 1) {
    const digest = String(number).padStart(64, "0");
    const adapter = { digest, name: `reactune-support-${number}`, baseDigest: "b".repeat(64), scope };
    const made = { runId: `run-${number}`, datasetHash: "e".repeat(64), bytes: 1_000_000, createdAtMs: nowMs - number };
    yield [adapterRecord, { ...adapter, ...made, grade: "B", state: "retired" }];
  }
  yield [serviceRecord, { ...emptyService(scope), epoch: 1 }];
}

const CACHE_SCOPES = ["one", "two", "three", "four"];
const DIMENSIONS = 384;

/** Stored replies, which no archive has. */
export async function fillCache(cache: SemanticCache, entriesAScope: number, nowMs: number): Promise<void> {
  for (const scope of CACHE_SCOPES) {
    for (let number = 0; number < entriesAScope; number += 1) {
      await cache.put(cacheEntryOf(scope, number, nowMs), entriesAScope);
    }
  }
}

function cacheEntryOf(scope: string, number: number, nowMs: number): CacheEntry {
  return {
    scope,
    question: `question ${number}`,
    signature: `signature ${number % 1000}`,
    reply: "An answer. ".repeat(40),
    turnId: `cached ${number}`,
    domain: "support",
    vector: benchVector(number),
    createdAtMs: nowMs - number,
    expiresAtMs: nowMs + 30 * DAY_MS,
    hits: 0,
  };
}

/** Not random, and in no order: sines of ever other steps, of unit length. */
export function benchVector(seed: number): Float32Array {
  const vector = Float32Array.from({ length: DIMENSIONS }, (_, at) => Math.sin((seed + 1) * (at + 1) * 1.7));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}
