import { z } from "zod";
import type { Installation } from "#core/installation.ts";
import type { AuditEntry, Deletion, ErasedPlace, LearningPermission, UserChoice } from "#core/people.ts";
import type { Report } from "#core/report.ts";
import type { Setting } from "#core/setting.ts";
import type { ModelUseTotals } from "./model-store.ts";
import type { Mark } from "./platform-store.ts";
import { defineRecord } from "./record-codec.ts";

const text = z.string();
const moment = z.int();
const optional = z.exactOptional;

export const permissionRecord = defineRecord<LearningPermission>()({
  kind: "permission",
  version: 1,
  schema: z.object({
    workspaceId: text,
    level: z.enum(["off", "examples", "adapters"]),
    grantedBy: text,
    wordingVersion: z.int(),
    changedAtMs: moment,
  }),
});

export const userChoiceRecord = defineRecord<UserChoice>()({
  kind: "user-choice",
  version: 1,
  schema: z.object({ workspaceId: text, userId: text, learns: z.boolean(), changedAtMs: moment }),
});

export const auditEntryRecord = defineRecord<AuditEntry>()({
  kind: "audit-entry",
  version: 1,
  schema: z.object({
    id: text,
    atMs: moment,
    who: text,
    what: text,
    workspaceId: optional(text),
    before: optional(text),
    after: optional(text),
  }),
});

export const deletionRecord = defineRecord<Deletion>()({
  kind: "deletion",
  version: 1,
  schema: z.object({ workspaceId: text, userId: text, atMs: moment }),
});

export const erasedPlaceRecord = defineRecord<ErasedPlace>()({
  kind: "erased-place",
  version: 1,
  schema: z.object({ workspaceId: text, channelId: optional(text), atMs: moment }),
});

export const markRecord = defineRecord<Mark>()({
  kind: "mark",
  version: 1,
  schema: z.object({ key: text, atMs: moment }),
});

export const modelUseRecord = defineRecord<ModelUseTotals>()({
  kind: "model-use",
  version: 1,
  schema: z.object({
    modelDigest: text,
    modelName: text,
    lastUsedAtMs: moment,
    requests: z.int(),
    errors: z.int(),
    totalMs: z.number(),
    replyTokens: z.number(),
  }),
});

export const settingRecord = defineRecord<Setting>()({
  kind: "setting",
  version: 1,
  schema: z.object({
    workspaceId: text,
    channelId: optional(text),
    key: text,
    value: text,
    setBy: text,
    setAtMs: moment,
  }),
});

export const reportRecord = defineRecord<Report>()({
  kind: "report",
  version: 1,
  schema: z.object({
    workspaceId: text,
    channelId: text,
    turnId: text,
    reportedBy: text,
    reason: optional(text),
    atMs: moment,
    closedBy: optional(text),
    closedAtMs: optional(moment),
  }),
});

export const installationRecord = defineRecord<Installation>()({
  kind: "installation",
  version: 1,
  schema: z.object({
    platform: z.enum(["local", "discord", "slack"]),
    workspaceId: text,
    sealed: text,
    keyId: text,
    installedBy: text,
    installedAtMs: moment,
  }),
});
