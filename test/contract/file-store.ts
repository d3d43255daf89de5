import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { FileStore } from "#store/file-store.ts";

const BYTES = Buffer.from("GGUF\u0000weights");
const DIGEST = createHash("sha256").update(BYTES).digest("hex");

function writeSource(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "reactune-source-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "adapter.gguf");
  writeFileSync(path, bytes);
  return path;
}

/** What every FileStore promises. `open` gives an empty store. */
export function fileStoreContract(open: () => Promise<FileStore>): void {
  test("put() keeps a file under its hash, once", async () => {
    const files = await open();
    const source = writeSource(BYTES);
    const stored = await files.put(source);
    await files.put(source);

    expect(stored).toMatchObject({ digest: DIGEST, bytes: BYTES.length });
    expect(readFileSync(stored.path)).toEqual(BYTES);
    expect(await files.list()).toEqual([DIGEST]);
    expect(await files.has(DIGEST)).toBe(true);
    expect(await files.open(DIGEST)).toEqual(stored);
  });

  test("put() rejects when the source is missing, and leaves nothing behind", async () => {
    const files = await open();

    await expect(files.put(join(tmpdir(), "reactune-no-such-file"))).rejects.toThrow("ENOENT");
    expect(await files.list()).toEqual([]);
  });

  test("open() rejects when the bytes were changed, also after they were right before", async () => {
    const files = await open();
    const { path } = await files.put(writeSource(BYTES));
    await files.open(DIGEST);
    writeFileSync(path, "GGUF something else");

    await expect(files.open(DIGEST)).rejects.toMatchObject({ code: "ADAPTER_REFUSED" });
    await expect(files.open(DIGEST)).rejects.toMatchObject({ code: "ADAPTER_REFUSED" });
  });

  test("put() mends a file that was changed", async () => {
    const files = await open();
    const source = writeSource(BYTES);
    const { path } = await files.put(source);
    writeFileSync(path, "damaged");
    await files.put(source);

    expect((await files.open(DIGEST))?.bytes).toBe(BYTES.length);
  });

  test("open() is undefined when the file is absent or the text is no digest", async () => {
    const files = await open();

    for (const digest of [DIGEST, "", "../../etc/passwd", DIGEST.toUpperCase(), `${DIGEST}\u0000`]) {
      expect(await files.open(digest)).toBeUndefined();
      expect(await files.has(digest)).toBe(false);
      await files.remove(digest);
    }
  });

  test("remove() takes one file away", async () => {
    const files = await open();
    const { path } = await files.put(writeSource(BYTES));
    const other = await files.put(writeSource(Buffer.from("other")));
    await files.remove(DIGEST);

    expect(existsSync(path)).toBe(false);
    expect(await files.list()).toEqual([other.digest]);
  });

  test("put() hashes a file larger than one read", async () => {
    const files = await open();
    const bytes = Buffer.alloc(3_000_001, "abc");
    const stored = await files.put(writeSource(bytes));

    expect(stored.digest).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(stored.bytes).toBe(bytes.length);
  });
}
