import type { Conversation } from "#core/conversation.ts";
import type { FeedbackChange } from "#core/feedback.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Installation } from "#core/installation.ts";
import type { Adapter, Dataset, Run } from "#core/learning.ts";
import type { Report } from "#core/report.ts";
import type { LearningScope } from "#core/scope.ts";
import { emptyService, type Service } from "#core/service.ts";
import type { Setting } from "#core/setting.ts";
import type { CacheUse, Turn } from "#core/turn.ts";

export const DAY_MS = 86_400_000;
/** 2026-01-01, 12:00 UTC. */
export const NOON_MS = 1_767_268_800_000;
export const SCOPE: LearningScope = { workspaceId: "local:home", audience: "public", domain: "support" };

export function sampleMessage(changes: Partial<IncomingMessage> = {}): IncomingMessage {
  return {
    platform: "local",
    workspaceId: SCOPE.workspaceId,
    channelId: "web",
    visibility: "public",
    userId: "ana",
    messageId: "m1",
    text: "How do I return a kettle?",
    sentAtMs: NOON_MS,
    ...changes,
  };
}

export function sampleConversation(changes: Partial<Conversation> = {}): Conversation {
  return {
    id: "c1",
    platform: "local",
    workspaceId: SCOPE.workspaceId,
    channelId: "web",
    visibility: "public",
    audience: "public",
    domain: "support",
    arms: [{ domain: "support", epoch: 3, adapterDigest: "d".repeat(64) }],
    openedAtMs: NOON_MS,
    lastTurnAtMs: NOON_MS,
    turns: 1,
    title: "How do I return a kettle?",
    ...changes,
  };
}

export interface TurnChanges extends Partial<Omit<Turn, "domain">> {
  readonly domain?: string;
  readonly cache?: CacheUse;
}

export function sampleTurn({ domain = "support", cache, ...changes }: TurnChanges = {}): Turn {
  const id = changes.id ?? "t1";
  return {
    id,
    conversationId: "c1",
    platform: "local",
    workspaceId: SCOPE.workspaceId,
    channelId: "web",
    visibility: "public",
    audience: "public",
    position: 0,
    askerId: "ana",
    revision: 0,
    inputTurnIds: [],
    question: "How do I return a kettle?",
    reply: "Within 30 days, in its box.",
    status: "complete",
    domain: { domain, by: "keywords", score: 0.9, reason: "words: return" },
    arm: { epoch: 1 },
    provenance: {
      modelDigest: "m".repeat(64),
      modelName: "smollm2",
      systemPromptHash: "s1",
      cache: cache ?? { hit: "none", reason: "no near question" },
      promptTokens: 40,
      replyTokens: 9,
      firstTokenMs: 212.5,
      totalMs: 900.25,
      turnsCut: 0,
      endedBy: "stop",
    },
    messages: [
      { messageId: `${id}-question`, role: "question", part: 0 },
      { messageId: `${id}-reply`, role: "reply", part: 0 },
    ],
    askedAtMs: NOON_MS,
    repliedAtMs: NOON_MS + 900,
    ...changes,
  };
}

export function sampleChange(changes: Partial<FeedbackChange> = {}): FeedbackChange {
  return {
    turnId: "t1",
    userId: "ana",
    workspaceId: SCOPE.workspaceId,
    source: "reaction",
    atMs: NOON_MS + 5000,
    ...changes,
  };
}

export function sampleReport(changes: Partial<Report> = {}): Report {
  return {
    workspaceId: SCOPE.workspaceId,
    channelId: "web",
    turnId: "t1",
    reportedBy: "ben",
    reason: "It is wrong about kettles",
    atMs: NOON_MS + 6000,
    ...changes,
  };
}

export function sampleSetting(changes: Partial<Setting> = {}): Setting {
  return {
    workspaceId: SCOPE.workspaceId,
    key: "assistant.systemPrompt",
    value: '"Be brief."',
    setBy: "eve",
    setAtMs: NOON_MS,
    ...changes,
  };
}

export function sampleInstallation(changes: Partial<Installation> = {}): Installation {
  return {
    platform: "slack",
    workspaceId: "slack:T1",
    sealed: "c2VhbGVk",
    keyId: "k1",
    installedBy: "eve",
    installedAtMs: NOON_MS,
    ...changes,
  };
}

export function sampleRun(changes: Partial<Run> = {}): Run {
  return {
    id: "run-1",
    scope: SCOPE,
    state: "queued",
    requestedBy: "local:ana",
    requestedAtMs: NOON_MS,
    examplesEver: 52,
    attempts: 0,
    ...changes,
  };
}

export function sampleAdapter(changes: Partial<Adapter> = {}): Adapter {
  return {
    digest: "a".repeat(64),
    name: "reactune-support-20260101-aaaaaaaa",
    baseDigest: "b".repeat(64),
    scope: SCOPE,
    runId: "run-1",
    datasetHash: "e".repeat(64),
    bytes: 1_048_576,
    grade: "B",
    state: "candidate",
    createdAtMs: NOON_MS,
    ...changes,
  };
}

export function sampleDataset(changes: Partial<Dataset> = {}): Dataset {
  return {
    hash: "e".repeat(64),
    scope: SCOPE,
    createdAtMs: NOON_MS,
    days: 30,
    train: 45,
    valid: 5,
    negatives: 3,
    pairs: 1,
    liked: 40,
    corrected: 10,
    servedAgain: 2,
    dropped: [{ filter: "duplicates", rows: 4, why: "the same question and answer" }],
    sourceTurnIds: ["t1", "t2"],
    ...changes,
  };
}

export function sampleService(changes: Partial<Service> = {}): Service {
  return { ...emptyService(SCOPE), epoch: 1, active: "a".repeat(64), baseDigest: "b".repeat(64), ...changes };
}
