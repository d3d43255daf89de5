import { createReadStream } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { headerLine } from "#store/archive-lines.ts";
import { feedbackRecord } from "#store/record-chat.ts";
import type { RecordKind } from "#store/record-codec.ts";
import type { Collections, TurnRow } from "./collections.ts";
import { recordsOf } from "./record-list.ts";
import type { Row } from "./records.ts";
import { readFeedback } from "./turn-writer.ts";

const WRITE_LETTERS = 1_000_000;

/**
 * Everything is read before the first line is given: a reader that is slow gets what the store held in the moments of the reading.
 * The copy lies in a folder that only this user can read, and goes with the last line.
 */
export async function* exportRecords(rows: Collections, nowMs: number): AsyncGenerator<string> {
  const folder = await mkdtemp(join(tmpdir(), "reactune-export-"));
  try {
    const path = join(folder, "records.jsonl");
    const records = await writeRecords(rows, path);
    yield headerLine(nowMs, records);
    yield* createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeRecords(rows: Collections, path: string): Promise<number> {
  const file = await open(path, "wx", 0o600);
  try {
    let records = 0;
    let waiting: string[] = [];
    let letters = 0;
    for await (const line of readLines(rows)) {
      waiting.push(line, "\n");
      letters += line.length;
      records += 1;
      if (letters < WRITE_LETTERS) continue;
      await file.write(waiting.join(""));
      waiting = [];
      letters = 0;
    }
    await file.write(waiting.join(""));
    return records;
  } finally {
    await file.close();
  }
}

async function* readLines(rows: Collections): AsyncGenerator<string> {
  for (const one of recordsOf(rows)) {
    for await (const row of one.model.find({}).sort({ _id: 1 }).lean<Row[]>().cursor()) {
      yield lineOf(one.table.record, one.read(row));
    }
    if (one.table.name === rows.turn.table.name) yield* readFeedbackLines(rows);
  }
}

async function* readFeedbackLines({ turnRow }: Collections): AsyncGenerator<string> {
  for await (const row of turnRow.find({}, { feedback: 1 }).sort({ _id: 1 }).lean<TurnRow[]>().cursor()) {
    for (const feedback of readFeedback(row)) yield lineOf(feedbackRecord, feedback);
  }
}

/** Characters that JSON leaves as they are, and that readers of lines, Node's among them, take for line ends, are escaped. */
function lineOf<T>({ kind, version, encode }: RecordKind<T>, record: T): string {
  const json = encode(record).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  return `{"kind":${JSON.stringify(kind)},"version":${version},"record":${json}}`;
}
