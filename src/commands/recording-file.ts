import { appendFile, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { type ReplayEvent, replayEventSchema } from "#dashboard/replay-records.ts";

export class RecordingRefusedError extends OperatingError {
  readonly code = "RECORDING_REFUSED";
  readonly hint = "Name a file in a folder that exists and that you may write to";

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot record events: file "${path}" cannot be written`, options);
  }
}

export interface RecordingFileOptions {
  /** Of both files together: the newest lines in `path`, those before in `path.1`; the oldest go. */
  readonly bytesMax: number;
  readonly log: Log;
}

/** Lines in order, at most so many bytes of them. Calls run one at a time: the caller sees to that. */
export interface RecordingFile {
  append(event: ReplayEvent): Promise<void>;
  /** Every event is asked for: what comes back stands in its place, undefined removes it. Lines that are no event go, too. */
  rewrite(change: (event: ReplayEvent, all: readonly ReplayEvent[]) => ReplayEvent | undefined): Promise<void>;
}

/** Readable by its owner alone. Rejects with RecordingRefusedError when it cannot be written. */
export async function openRecordingFile(path: string, { bytesMax, log }: RecordingFileOptions): Promise<RecordingFile> {
  const older = `${path}.1`;
  let bytes: number;
  try {
    const file = await open(path, "a", 0o600);
    bytes = (await file.stat()).size;
    await file.close();
  } catch (cause) {
    throw new RecordingRefusedError(path, { cause });
  }

  async function rotate(): Promise<void> {
    const { size: bytesDropped } = await stat(older).catch(() => ({ size: 0 }));
    await rename(path, older);
    bytes = 0;
    log.warn({ file: path, bytesMax, bytesDropped }, "recording.rotated");
  }

  return {
    async append(event) {
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      if (bytes > 0 && bytes + line.length > bytesMax / 2) await rotate();
      await appendFile(path, line, { mode: 0o600 });
      bytes += line.length;
    },
    async rewrite(change) {
      const [before, now] = [await readEvents(older), await readEvents(path)];
      const all = [...before, ...now];
      for (const [file, events] of [
        [older, before],
        [path, now],
      ] as const) {
        const kept = events.flatMap((event) => change(event, all) ?? []);
        const text = kept.map((event) => `${JSON.stringify(event)}\n`).join("");
        if (file === path) bytes = Buffer.byteLength(text);
        if (events.length === 0 && file === older) await rm(older, { force: true });
        else await replaceFile(file, text);
      }
    },
  };
}

/** A kill in between leaves the file as it was. */
async function replaceFile(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  await writeFile(next, text, { mode: 0o600 });
  await rename(next, path);
}

async function readEvents(path: string): Promise<readonly ReplayEvent[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      return replayEventSchema.safeParse(JSON.parse(line)).data ?? [];
    } catch {
      return []; // cut short by a kill
    }
  });
}
