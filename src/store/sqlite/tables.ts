import { readinessScore } from "#core/feedback.ts";
import type { LearningScope } from "#core/scope.ts";
import {
  conversationRecord,
  deliveryRecord,
  feedbackRecord,
  inboxEventRecord,
  turnRecord,
} from "#store/record-chat.ts";
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
import { audienceColumn, dayOf, keyText, keyTextOrNull, optionalKey } from "./columns.ts";
import { defineTable } from "./table.ts";

/** Fields that records are found by. The schema of the file is in migrations/. */
const scope = {
  audience: (record: { readonly scope: LearningScope }) =>
    audienceColumn(record.scope.workspaceId, record.scope.audience),
  domain: (record: { readonly scope: LearningScope }) => keyText(record.scope.domain),
};

export const permissionTable = defineTable("permission", permissionRecord, ["workspace"], {
  workspace: (permission) => keyText(permission.workspaceId),
});

export const userChoiceTable = defineTable("user_choice", userChoiceRecord, ["workspace", "user_id"], {
  workspace: (choice) => keyText(choice.workspaceId),
  user_id: (choice) => keyText(choice.userId),
  learns: (choice) => (choice.learns ? 1 : 0),
});

export const deletionTable = defineTable("deletion", deletionRecord, ["workspace", "user_id", "at"], {
  workspace: (deletion) => keyText(deletion.workspaceId),
  user_id: (deletion) => keyText(deletion.userId),
  at: (deletion) => deletion.atMs,
});

export const erasedPlaceTable = defineTable("erased_place", erasedPlaceRecord, ["workspace", "channel", "at"], {
  workspace: (place) => keyText(place.workspaceId),
  channel: (place) => optionalKey(place.channelId),
  at: (place) => place.atMs,
});

export const auditEntryTable = defineTable("audit_entry", auditEntryRecord, ["id"], {
  id: (entry) => keyText(entry.id),
  at: (entry) => entry.atMs,
});

export const inboxEventTable = defineTable("inbox_event", inboxEventRecord, ["id"], {
  id: (event) => keyText(event.id),
  state: (event) => event.state,
  received_at: (event) => event.receivedAtMs,
  lease_until: (event) => event.leaseUntilMs ?? 0,
  platform: (event) => event.message.platform,
  workspace: (event) => keyText(event.message.workspaceId),
  channel: (event) => keyText(event.message.channelId),
  user_id: (event) => keyText(event.message.userId),
  message: (event) => keyText(event.message.messageId),
});

export const conversationTable = defineTable("conversation", conversationRecord, ["id"], {
  id: (conversation) => keyText(conversation.id),
  workspace: (conversation) => keyText(conversation.workspaceId),
  channel: (conversation) => keyText(conversation.channelId),
  thread: (conversation) => keyTextOrNull(conversation.threadId),
  is_closed: (conversation) => (conversation.closedAtMs === undefined ? 0 : 1),
  last_turn_at: (conversation) => conversation.lastTurnAtMs,
});

export const turnTable = defineTable("turn", turnRecord, ["id"], {
  id: (turn) => keyText(turn.id),
  conversation_id: (turn) => keyText(turn.conversationId),
  position: (turn) => turn.position,
  audience: (turn) => audienceColumn(turn.workspaceId, turn.audience),
  domain: (turn) => keyText(turn.domain.domain),
  status: (turn) => turn.status,
  asked_at: (turn) => turn.askedAtMs,
  day: (turn) => dayOf(turn.askedAtMs),
  source_turn_id: (turn) => keyTextOrNull(turn.provenance.cache.sourceTurnId),
  regeneration_of: (turn) => keyTextOrNull(turn.regenerationOf),
  platform: (turn) => turn.platform,
  workspace: (turn) => keyText(turn.workspaceId),
  channel: (turn) => keyText(turn.channelId),
  asker: (turn) => keyText(turn.askerId),
  replied_at: (turn) => turn.repliedAtMs ?? turn.askedAtMs,
});

export const feedbackTable = defineTable("feedback", feedbackRecord, ["turn_id", "user_id"], {
  turn_id: (feedback) => keyText(feedback.turnId),
  user_id: (feedback) => keyText(feedback.userId),
  score: (feedback) => readinessScore(feedback) ?? null,
  workspace: (feedback) => keyText(feedback.workspaceId),
  endorsers: (feedback) => feedback.endorsedBy.length,
});

export const deliveryTable = defineTable("delivery", deliveryRecord, ["turn_id", "part"], {
  turn_id: (delivery) => keyText(delivery.turnId),
  part: (delivery) => delivery.part,
});

export const datasetTable = defineTable("dataset", datasetRecord, ["hash"], {
  hash: (dataset) => keyText(dataset.hash),
});

export const runTable = defineTable("run", runRecord, ["id"], {
  id: (run) => keyText(run.id),
  ...scope,
  requested_at: (run) => run.requestedAtMs,
});

export const runEventTable = defineTable("run_event", runEventRecord, ["run_id", "sequence"], {
  run_id: (event) => keyText(event.runId),
  sequence: (event) => event.sequence,
});

export const adapterTable = defineTable("adapter", adapterRecord, ["digest"], {
  digest: (adapter) => keyText(adapter.digest),
  ...scope,
  created_at: (adapter) => adapter.createdAtMs,
});

export const serviceTable = defineTable("service", serviceRecord, ["audience", "domain"], {
  ...scope,
  epoch: (service) => service.epoch,
});

export const modelUseTable = defineTable("model_use", modelUseRecord, ["digest"], {
  digest: (totals) => keyText(totals.modelDigest),
  last_used_at: (totals) => totals.lastUsedAtMs,
});

export const settingTable = defineTable("setting", settingRecord, ["workspace", "channel", "key"], {
  workspace: (setting) => keyText(setting.workspaceId),
  channel: (setting) => optionalKey(setting.channelId),
  key: (setting) => keyText(setting.key),
});

export const reportTable = defineTable("report", reportRecord, ["turn_id", "reported_by"], {
  turn_id: (report) => keyText(report.turnId),
  reported_by: (report) => keyText(report.reportedBy),
  workspace: (report) => keyText(report.workspaceId),
  channel: (report) => keyText(report.channelId),
  is_closed: (report) => (report.closedAtMs === undefined ? 0 : 1),
  at: (report) => report.atMs,
});

export const installationTable = defineTable("installation", installationRecord, ["platform", "workspace"], {
  platform: (installation) => installation.platform,
  workspace: (installation) => keyText(installation.workspaceId),
});

export const markTable = defineTable("mark", markRecord, ["key"], {
  key: (mark) => keyText(mark.key),
});

/** In the order of an export: what is pointed at comes first. */
export const RECORD_TABLES = [
  permissionTable,
  userChoiceTable,
  deletionTable,
  erasedPlaceTable,
  settingTable,
  installationTable,
  markTable,
  auditEntryTable,
  inboxEventTable,
  conversationTable,
  turnTable,
  feedbackTable,
  deliveryTable,
  reportTable,
  datasetTable,
  runTable,
  runEventTable,
  adapterTable,
  serviceTable,
  modelUseTable,
] as const;
