import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";

/** Opens the file when the first line is asked for: readline loses the lines that come before somebody reads. */
export async function* readLines(path: string, options: { readonly isZipped: boolean }): AsyncGenerator<string> {
  const file = createReadStream(path);
  const input = options.isZipped ? file.pipe(createGunzip()) : file;
  file.on("error", (error) => input.destroy(error));
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}
