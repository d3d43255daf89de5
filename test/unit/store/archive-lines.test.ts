import { expect, test } from "vitest";
import { RecordInvalidError } from "#core/errors.ts";
import { type ArchiveLine, headerLine, readArchiveLines } from "#store/archive-lines.ts";

const LETTERS_MAX = 200;
const line = (kind: string, record: unknown) => JSON.stringify({ kind, version: 1, record });

async function readAll(lines: readonly string[], read: (line: ArchiveLine) => unknown = ({ record }) => record) {
  async function* given() {
    yield* lines;
  }
  const rows: unknown[] = [];
  for await (const row of readArchiveLines(given(), LETTERS_MAX, read)) rows.push(row);
  return rows;
}

test("readArchiveLines() gives the records behind the header, and skips empty lines", async () => {
  const lines = [headerLine(0, 2), line("turn", "one"), "", line("turn", "two")];

  expect(await readAll(lines)).toEqual(["one", "two"]);
});

test.each([
  ["the file is empty", []],
  ["no header of an export", [line("turn", "one")]],
  ["the format's version is 2", [headerLine(0, 0).replace('"version":1', '"version":2')]],
  ["the header tells of 2 records and there are 1", [headerLine(0, 2), line("turn", "one")]],
  ["it is not JSON", [headerLine(0, 1), "{"]],
  ["kind, version or record is missing", [headerLine(0, 1), "{}"]],
  ["it has 201 characters and the limit is 200", [headerLine(0, 1), " ".repeat(200).padEnd(201, "x")]],
])("readArchiveLines() rejects, naming the line, where %s", async (why, lines) => {
  await expect(readAll(lines)).rejects.toMatchObject({ code: "IMPORT_INVALID", message: expect.stringContaining(why) });
});

test("readArchiveLines() rejects where a kind is not known, and where a record is not what it should be", async () => {
  const lines = [headerLine(0, 1), line("planet", "one")];

  await expect(readAll(lines, () => undefined)).rejects.toThrow('line 2: "planet" is no kind of record');
  const refuse = () => {
    throw new RecordInvalidError("planet", "of line 2");
  };
  await expect(readAll(lines, refuse)).rejects.toMatchObject({ code: "IMPORT_INVALID" });
});
