import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Archive } from "#store/archive.ts";
import type { Output } from "./output.ts";
import { readLines } from "./read-lines.ts";

/** `reactune export <file>`: everything but adapter files, one record a line. Only the owner may read the file. */
export async function exportArchive(archive: Archive, path: string, output: Output): Promise<void> {
  let records = 0;
  async function* lines(): AsyncGenerator<string> {
    for await (const line of archive.exportLines()) {
      records++;
      if (records % 1000 === 0) output.progress(`${records} records`);
      yield `${line}\n`;
    }
  }
  await pipeline(Readable.from(lines()), createWriteStream(path, { mode: 0o600, flags: "wx" }));
  output.print(`Wrote ${records - 1} records to ${path}`);
}

/** `reactune import <file>`: all or nothing. */
export async function importArchive(
  archive: Archive,
  path: string,
  options: { readonly isReplacing: boolean },
  output: Output,
): Promise<void> {
  const { records, byKind } = await archive.importLines(readLines(path, { isZipped: false }), {
    replace: options.isReplacing,
  });
  output.print(`Read ${records} records: ${[...byKind].map(([kind, count]) => `${count} ${kind}`).join(", ")}`);
}
