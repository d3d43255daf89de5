import { z } from "zod";
import { ImportInvalidError, OperatingError } from "#core/errors.ts";

/** One record of an export, as far as all kinds are alike. */
export interface ArchiveLine {
  /** Of the line; from 1, which is the header. */
  readonly number: number;
  readonly kind: string;
  /** Of the record's form. */
  readonly version: number;
  readonly record: unknown;
}

/** Of the whole export's form. */
const ARCHIVE_VERSION = 1;
const Header = z.object({ kind: z.literal("header"), version: z.int(), records: z.exactOptional(z.int()) });
const Line = z.object({ kind: z.string(), version: z.int().positive(), record: z.unknown() });

export function headerLine(nowMs: number, records: number): string {
  const exportedAt = new Date(nowMs).toISOString();
  return JSON.stringify({ kind: "header", version: ARCHIVE_VERSION, exportedAt, records });
}

/**
 * The lines behind the header, each as `read` makes of it what is kept; undefined where its kind is not known. Rejects with
 * ImportInvalidError, which names the line, also for any expected error of `read`; at the end where lines are missing.
 */
export async function* readArchiveLines<Row>(
  lines: AsyncIterable<string>,
  lineLettersMax: number,
  read: (line: ArchiveLine) => Row | undefined,
): AsyncGenerator<Row> {
  let expected: number | undefined;
  let number = 0;
  let records = 0;
  for await (const line of lines) {
    number += 1;
    const parse = () => parseJson(line, number, lineLettersMax);
    if (number === 1) expected = readHeader(parse());
    else if (line.trim() !== "") {
      yield readLine(parse(), number, read);
      records += 1;
    }
  }
  if (number === 0) throw new ImportInvalidError(1, "the file is empty");
  if (expected !== undefined && expected !== records) {
    throw new ImportInvalidError(number, `the header tells of ${expected} records and there are ${records}`);
  }
}

function readHeader(value: unknown): number | undefined {
  const header = Header.safeParse(value);
  if (!header.success) throw invalid(1, "it is no header of an export", header.error);
  const { version, records } = header.data;
  if (version > ARCHIVE_VERSION) {
    const known = `this program knows up to ${ARCHIVE_VERSION}`;
    throw new ImportInvalidError(1, `the format's version is ${version} and ${known}`);
  }
  return records;
}

function readLine<Row>(value: unknown, number: number, read: (line: ArchiveLine) => Row | undefined): Row {
  const parsed = Line.safeParse(value);
  if (!parsed.success) throw invalid(number, "kind, version or record is missing", parsed.error);
  const row = readRecord({ number, ...parsed.data }, read);
  if (row !== undefined) return row;
  throw new ImportInvalidError(number, `"${parsed.data.kind.slice(0, 40)}" is no kind of record`);
}

function readRecord<Row>(line: ArchiveLine, read: (line: ArchiveLine) => Row | undefined): Row | undefined {
  try {
    return read(line);
  } catch (cause) {
    if (!(cause instanceof OperatingError)) throw cause;
    throw invalid(line.number, cause.message, cause);
  }
}

function parseJson(line: string, number: number, lineLettersMax: number): unknown {
  if (line.length > lineLettersMax) {
    throw new ImportInvalidError(number, `it has ${line.length} characters and the limit is ${lineLettersMax}`);
  }
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw invalid(number, "it is not JSON", cause);
  }
}

function invalid(number: number, why: string, cause: unknown): ImportInvalidError {
  return new ImportInvalidError(number, why, { cause });
}
