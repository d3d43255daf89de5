import type { Connection, Model, SchemaDefinition } from "mongoose";
import type { Turn } from "#core/turn.ts";
import { openModel, openRecords, type Records } from "./records.ts";
import * as tables from "./tables.ts";

/** What one person thinks of a turn, inside the turn: one write changes it together with all that follows from it. */
export interface FeedbackRow {
  readonly user: string;
  readonly version: number;
  readonly document: string;
}

/** Figures that follow from a turn's feedback; `core/feedback.ts` has the rules. */
export interface Marks {
  readonly scores: number;
  readonly score_sum: number;
  /** Users whose score counts. */
  readonly raters: readonly string[];
  readonly is_example: number;
  readonly is_disliked: number;
  readonly has_feedback: number;
}

export interface TurnRow extends Marks {
  readonly _id: string;
  readonly key: string;
  readonly version: number;
  readonly document: string;
  readonly conversation: string;
  readonly position: number;
  readonly audience: string;
  readonly domain: string;
  readonly status: Turn["status"];
  readonly asked_at: number;
  readonly replied_at: number;
  readonly day: number;
  readonly source: string | null;
  readonly regeneration_of: string | null;
  readonly platform: string;
  readonly workspace: string;
  readonly channel: string;
  readonly asker: string;
  readonly messages: readonly string[];
  readonly examples: readonly string[];
  readonly inputs: readonly string[];
  /** Grows with every write: who read an older one writes nothing. */
  readonly rev: number;
  readonly is_erased: number;
  /** By user. */
  readonly feedback: readonly FeedbackRow[];
  /** Workspace and user of all who gave feedback, and of all who agreed with a correction. */
  readonly givers: readonly string[];
  readonly endorsers: readonly string[];
  /** Whether there is anything to learn from it; follows from other turns too, see settle.ts. */
  readonly is_rated: number;
  readonly rated_rev: number;
}

/** Sums of one scope and UTC day. */
export interface DayRow {
  readonly _id: string;
  readonly audience: string;
  readonly domain: string;
  readonly day: number;
  readonly rev: number;
  readonly conversations: number;
  readonly turns: number;
  readonly feedback: number;
  readonly score_sum: number;
  readonly examples: number;
  readonly raters: number;
}

/** The day on which a conversation or a rater counts in a scope. */
export interface DistinctRow {
  readonly _id: string;
  readonly kind: "conversation" | "rater";
  readonly audience: string;
  readonly domain: string;
  readonly key: string;
  readonly day: number | null;
  readonly rev: number;
}

/** What may be out of date; see intents.ts. */
export interface IntentRow {
  readonly _id: string;
  readonly at: number;
  readonly is_done: number;
  /** A scope's day each, as `keyOf(audience, domain, day)`. */
  readonly days: readonly string[];
  /** As `keyOf(kind, audience, domain, key)`. */
  readonly distinct: readonly string[];
  /** Turns. */
  readonly rated: readonly string[];
  /** Turns that were stored for the first time. */
  readonly fresh: readonly string[];
  readonly settings: number;
}

export interface LeaseRow {
  readonly _id: string;
  readonly holder: string;
  readonly token: number;
  readonly until: number;
}

export interface ErasureRow {
  readonly _id: string;
  readonly workspace: string;
  readonly channel: string | null;
  readonly user: string | null;
  readonly at: number;
}

export interface VectorRow {
  readonly _id: string;
  readonly turn: string;
  readonly embedder: string;
  readonly vector: { readonly buffer: Uint8Array };
}

/** A number by name: cursors, revisions, the schema's version. */
export interface NumberRow {
  readonly _id: string;
  readonly value: number;
}

export type Collections = ReturnType<typeof openCollections>;

const texts = [String] as const;

export function openCollections(connection: Connection) {
  const open = <R>(name: string, definition: SchemaDefinition): Model<R> => openModel<R>(connection, name, definition);
  const turns = openRecords(connection, tables.turnTable, {
    rev: Number,
    is_erased: Number,
    feedback: [{ _id: false, user: String, version: Number, document: String }],
    givers: texts,
    endorsers: texts,
    scores: Number,
    score_sum: Number,
    raters: texts,
    is_example: Number,
    is_disliked: Number,
    has_feedback: Number,
    is_rated: Number,
    rated_rev: Number,
  });

  return {
    permission: openRecords(connection, tables.permissionTable),
    userChoice: openRecords(connection, tables.userChoiceTable),
    deletion: openRecords(connection, tables.deletionTable),
    erasedPlace: openRecords(connection, tables.erasedPlaceTable),
    setting: openRecords(connection, tables.settingTable),
    installation: openRecords(connection, tables.installationTable),
    mark: openRecords(connection, tables.markTable),
    auditEntry: openRecords(connection, tables.auditEntryTable),
    inboxEvent: openRecords(connection, tables.inboxEventTable),
    conversation: openRecords(connection, tables.conversationTable, { rev: Number, is_erased: Number }),
    turn: turns as Records<Turn>,
    turnRow: turns.model as unknown as Model<TurnRow>,
    delivery: openRecords(connection, tables.deliveryTable),
    report: openRecords(connection, tables.reportTable),
    dataset: openRecords(connection, tables.datasetTable),
    run: openRecords(connection, tables.runTable),
    runEvent: openRecords(connection, tables.runEventTable),
    adapter: openRecords(connection, tables.adapterTable),
    service: openRecords(connection, tables.serviceTable),
    modelUse: openRecords(connection, tables.modelUseTable),
    countDay: open<DayRow>("count_day", {
      ...{ audience: String, domain: String, day: Number, rev: Number },
      ...{
        conversations: Number,
        turns: Number,
        feedback: Number,
        score_sum: Number,
        examples: Number,
        raters: Number,
      },
    }),
    countDistinct: open<DistinctRow>("count_distinct", {
      ...{ kind: String, audience: String, domain: String, key: String, day: Number, rev: Number },
    }),
    intent: open<IntentRow>("intent", {
      ...{ at: Number, is_done: Number, settings: Number, days: texts, distinct: texts, rated: texts, fresh: texts },
    }),
    lease: open<LeaseRow>("lease", { holder: String, token: Number, until: Number }),
    erasure: open<ErasureRow>("unfinished_erasure", { workspace: String, channel: String, user: String, at: Number }),
    vector: open<VectorRow>("turn_vector", { turn: String, embedder: String, vector: Buffer }),
    cursor: open<NumberRow>("cursor", { value: Number }),
    number: open<NumberRow>("number", { value: Number }),
  };
}
