import type { InboxEvent } from "#core/inbox.ts";
import type { LearningScope } from "#core/scope.ts";
import { conversationRecord, deliveryRecord, inboxEventRecord, turnRecord } from "#store/record-chat.ts";
import { adapterRecord, datasetRecord, runEventRecord, runRecord, serviceRecord } from "#store/record-learning.ts";
import {
  auditEntryRecord,
  deletionRecord,
  erasedPlaceRecord,
  installationRecord,
  markRecord,
  modelUseRecord,
  permissionRecord,
  reportRecord,
  settingRecord,
  userChoiceRecord,
} from "#store/record-people.ts";
import { audienceKey, dayOf, keyOf, keyText, keyTextOrNull, readKeyText } from "./keys.ts";
import { defineTable, nextOrder, type Row } from "./records.ts";

/** Fields that records are found by. Their indexes are in indexes.ts. */
const scope = {
  audience: [String, (record: Scoped) => audienceKey(record.scope.workspaceId, record.scope.audience)],
  domain: [String, (record: Scoped) => keyText(record.scope.domain)],
} as const;

interface Scoped {
  readonly scope: LearningScope;
}

export const permissionTable = defineTable({
  name: "permission",
  record: permissionRecord,
  idOf: ({ workspaceId }) => keyText(workspaceId),
  columns: { changed_at: [Number, ({ changedAtMs }) => changedAtMs] },
});

export const userChoiceTable = defineTable({
  name: "user_choice",
  record: userChoiceRecord,
  idOf: ({ workspaceId, userId }) => keyOf(workspaceId, userId),
  columns: {
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    user: [String, ({ userId }) => keyText(userId)],
    learns: [Number, ({ learns }) => (learns ? 1 : 0)],
    changed_at: [Number, ({ changedAtMs }) => changedAtMs],
  },
});

export const deletionTable = defineTable({
  name: "deletion",
  record: deletionRecord,
  idOf: ({ workspaceId, userId, atMs }) => keyOf(workspaceId, userId, atMs),
  columns: {
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    user: [String, ({ userId }) => keyText(userId)],
    at: [Number, ({ atMs }) => atMs],
  },
});

export const erasedPlaceTable = defineTable({
  name: "erased_place",
  record: erasedPlaceRecord,
  idOf: ({ workspaceId, channelId, atMs }) => keyOf(workspaceId, channelId, atMs),
  columns: {
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    channel: [String, ({ channelId }) => keyOf(channelId)],
    at: [Number, ({ atMs }) => atMs],
  },
});

export const auditEntryTable = defineTable({
  name: "audit_entry",
  record: auditEntryRecord,
  idOf: ({ id }) => keyText(id),
  columns: { at: [Number, ({ atMs }) => atMs], order: [String, nextOrder] },
});

/** Claimed where they lie: state, attempts and lease change by one atomic update each, and never touch the message. */
export const inboxEventTable = defineTable({
  name: "inbox_event",
  record: inboxEventRecord,
  idOf: ({ id }) => keyText(id),
  columns: {
    state: [String, ({ state }) => state],
    open: [Number, ({ state }) => (state === "done" ? 0 : 1)],
    // From when on it may be claimed.
    due_at: [Number, ({ state, leaseUntilMs }) => (state === "claimed" ? (leaseUntilMs ?? 0) : 0)],
    attempts: [Number, ({ attempts }) => attempts],
    claimed_by: [String, ({ claimedBy }) => keyTextOrNull(claimedBy)],
    received_at: [Number, ({ receivedAtMs }) => receivedAtMs],
    order: [String, nextOrder],
    platform: [String, ({ message }) => message.platform],
    workspace: [String, ({ message }) => keyText(message.workspaceId)],
    channel: [String, ({ message }) => keyText(message.channelId)],
    user: [String, ({ message }) => keyText(message.userId)],
    message: [String, ({ message }) => keyText(message.messageId)],
  },
  overlay({ state, attempts, claimed_by: claimedBy, due_at: dueAt }: Row, fields: Partial<InboxEvent>) {
    const { claimedBy: _, leaseUntilMs: __, ...rest } = fields;
    const claim = state === "claimed" ? { claimedBy: readKeyText(String(claimedBy)), leaseUntilMs: dueAt } : {};
    return { ...rest, state, attempts, ...claim };
  },
});

export const conversationTable = defineTable({
  name: "conversation",
  record: conversationRecord,
  idOf: ({ id }) => keyText(id),
  columns: {
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    channel: [String, ({ channelId }) => keyText(channelId)],
    thread: [String, ({ threadId }) => keyTextOrNull(threadId)],
    is_closed: [Number, ({ closedAtMs }) => (closedAtMs === undefined ? 0 : 1)],
    last_turn_at: [Number, ({ lastTurnAtMs }) => lastTurnAtMs],
  },
});

export const turnTable = defineTable({
  name: "turn",
  record: turnRecord,
  idOf: ({ id }) => keyText(id),
  columns: {
    conversation: [String, ({ conversationId }) => keyText(conversationId)],
    position: [Number, ({ position }) => position],
    audience: [String, ({ workspaceId, audience }) => audienceKey(workspaceId, audience)],
    domain: [String, ({ domain }) => keyText(domain.domain)],
    status: [String, ({ status }) => status],
    asked_at: [Number, ({ askedAtMs }) => askedAtMs],
    replied_at: [Number, ({ repliedAtMs, askedAtMs }) => repliedAtMs ?? askedAtMs],
    day: [Number, ({ askedAtMs }) => dayOf(askedAtMs)],
    source: [String, ({ provenance }) => keyTextOrNull(provenance.cache.sourceTurnId)],
    regeneration_of: [String, ({ regenerationOf }) => keyTextOrNull(regenerationOf)],
    platform: [String, ({ platform }) => platform],
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    channel: [String, ({ channelId }) => keyText(channelId)],
    asker: [String, ({ askerId }) => keyText(askerId)],
    messages: [[String], ({ messages }) => messages.map(({ messageId }) => keyText(messageId))],
    examples: [[String], ({ provenance }) => (provenance.exampleTurnIds ?? []).map(keyText)],
    inputs: [[String], ({ inputTurnIds }) => inputTurnIds.map(keyText)],
  },
});

export const deliveryTable = defineTable({
  name: "delivery",
  record: deliveryRecord,
  idOf: ({ turnId, part }) => keyOf(turnId, part),
  columns: { turn: [String, ({ turnId }) => keyText(turnId)], part: [Number, ({ part }) => part] },
});

export const datasetTable = defineTable({
  name: "dataset",
  record: datasetRecord,
  idOf: ({ hash }) => keyText(hash),
  columns: {},
});

export const runTable = defineTable({
  name: "run",
  record: runRecord,
  idOf: ({ id }) => keyText(id),
  columns: { ...scope, requested_at: [Number, ({ requestedAtMs }) => requestedAtMs] },
});

export const runEventTable = defineTable({
  name: "run_event",
  record: runEventRecord,
  idOf: ({ runId, sequence }) => keyOf(runId, sequence),
  columns: { run: [String, ({ runId }) => keyText(runId)], sequence: [Number, ({ sequence }) => sequence] },
});

export const adapterTable = defineTable({
  name: "adapter",
  record: adapterRecord,
  idOf: ({ digest }) => keyText(digest),
  columns: { ...scope, created_at: [Number, ({ createdAtMs }) => createdAtMs] },
});

export const serviceTable = defineTable({
  name: "service",
  record: serviceRecord,
  idOf: ({ scope: { workspaceId, audience, domain } }) => keyOf(workspaceId, audience, domain),
  columns: { ...scope, epoch: [Number, ({ epoch }) => epoch] },
});

/** Added up where it lies, by `$inc`. */
export const modelUseTable = defineTable({
  name: "model_use",
  record: modelUseRecord,
  idOf: ({ modelDigest }) => keyText(modelDigest),
  columns: {
    last_used_at: [Number, ({ lastUsedAtMs }) => lastUsedAtMs],
    requests: [Number, ({ requests }) => requests],
    errors_seen: [Number, ({ errors }) => errors],
    total_ms: [Number, ({ totalMs }) => totalMs],
    reply_tokens: [Number, ({ replyTokens }) => replyTokens],
  },
  overlay: ({ last_used_at: lastUsedAtMs, requests, errors_seen: errors, total_ms: totalMs, ...row }: Row, fields) => ({
    ...fields,
    lastUsedAtMs,
    requests,
    errors,
    totalMs,
    replyTokens: row["reply_tokens"],
  }),
});

export const settingTable = defineTable({
  name: "setting",
  record: settingRecord,
  idOf: ({ workspaceId, channelId, key }) => keyOf(workspaceId, channelId, key),
  columns: {
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    set_at: [Number, ({ setAtMs }) => setAtMs],
  },
});

export const reportTable = defineTable({
  name: "report",
  record: reportRecord,
  idOf: ({ turnId, reportedBy }) => keyOf(turnId, reportedBy),
  columns: {
    turn: [String, ({ turnId }) => keyText(turnId)],
    reported_by: [String, ({ reportedBy }) => keyText(reportedBy)],
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    channel: [String, ({ channelId }) => keyText(channelId)],
    is_closed: [Number, ({ closedAtMs }) => (closedAtMs === undefined ? 0 : 1)],
    at: [Number, ({ atMs }) => atMs],
  },
});

export const installationTable = defineTable({
  name: "installation",
  record: installationRecord,
  idOf: ({ platform, workspaceId }) => keyOf(platform, workspaceId),
  columns: {
    platform: [String, ({ platform }) => platform],
    workspace: [String, ({ workspaceId }) => keyText(workspaceId)],
    installed_at: [Number, ({ installedAtMs }) => installedAtMs],
  },
});

export const markTable = defineTable({
  name: "mark",
  record: markRecord,
  idOf: ({ key }) => keyText(key),
  columns: { at: [Number, ({ atMs }) => atMs] },
});
