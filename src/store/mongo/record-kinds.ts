import { feedbackRecord } from "#store/record-chat.ts";
import * as tables from "./tables.ts";

/** Every kind of record that this store keeps. */
export const RECORD_KINDS = [feedbackRecord, ...Object.values(tables).map(({ record }) => record)];
