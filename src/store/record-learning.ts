import { z } from "zod";
import type { Adapter, Dataset, Run, RunEvent } from "#core/learning.ts";
import type { Service } from "#core/service.ts";
import { defineRecord } from "./record-codec.ts";

const text = z.string();
const moment = z.int();
const optional = z.exactOptional;
/** Scopes of a whole workspace (`*`) may have runs and a service of their own. */
const scope = z.object({ workspaceId: text, audience: text, domain: text });
const grade = z.enum(["A", "B", "C", "D", "E", "F"]);
const runState = z.enum([
  "queued",
  "collecting",
  "preflight",
  "training",
  "evaluating",
  "activating",
  "activated",
  "waiting-for-approval",
  "rejected",
  "failed",
  "cancelled",
]);
const progress = z.object({
  phase: runState,
  step: z.number(),
  stepsTotal: z.number(),
  epoch: optional(z.number()),
  lossTrain: optional(z.number()),
  lossValid: optional(z.number()),
  tokensPerSecond: optional(z.number()),
  memoryBytes: optional(z.number()),
  leftMs: optional(z.number()),
});

export const datasetRecord = defineRecord<Dataset>()({
  kind: "dataset",
  version: 1,
  schema: z.object({
    hash: text,
    scope,
    createdAtMs: moment,
    days: z.number(),
    train: z.int(),
    valid: z.int(),
    negatives: z.int(),
    pairs: z.int(),
    liked: z.int(),
    corrected: z.int(),
    servedAgain: z.int(),
    dropped: z.array(z.object({ filter: text, rows: z.int(), why: text })),
    sourceTurnIds: z.array(text),
  }),
});

export const runRecord = defineRecord<Run>()({
  kind: "run",
  version: 1,
  schema: z.object({
    id: text,
    scope,
    state: runState,
    requestedBy: text,
    requestedAtMs: moment,
    startedAtMs: optional(moment),
    endedAtMs: optional(moment),
    progress: optional(progress),
    datasetHash: optional(text),
    datasetFile: optional(text),
    adapterDigest: optional(text),
    grade: optional(grade),
    verdict: optional(text),
    examplesEver: z.int(),
    attempts: z.int(),
    error: optional(z.object({ code: text, message: text, hint: text })),
  }),
});

export const runEventRecord = defineRecord<RunEvent>()({
  kind: "run-event",
  version: 1,
  schema: z.object({
    runId: text,
    sequence: z.int(),
    atMs: moment,
    level: z.enum(["info", "warning", "error"]),
    message: text,
    progress: optional(progress),
  }),
});

export const adapterRecord = defineRecord<Adapter>()({
  kind: "adapter",
  version: 1,
  schema: z.object({
    digest: text,
    name: text,
    baseDigest: text,
    scope,
    runId: text,
    datasetHash: text,
    bytes: z.int(),
    grade,
    state: z.enum(["candidate", "retired", "rejected"]),
    createdAtMs: moment,
  }),
});

export const serviceRecord = defineRecord<Service>()({
  kind: "service",
  version: 1,
  schema: z.object({
    scope,
    active: optional(text),
    previous: optional(text),
    canary: optional(text),
    ratio: z.number(),
    epoch: z.int(),
    movedEpoch: z.int(),
    baseDigest: optional(text),
    changedAtMs: moment,
    changedBy: text,
    reason: text,
  }),
});
