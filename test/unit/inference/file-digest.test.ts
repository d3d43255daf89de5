import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { digestFile } from "#inference/file-digest.ts";

const LARGE_BYTES = 16_000_000;

async function fileOf(content: Buffer): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "reactune-digest-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "model.gguf");
  await writeFile(path, content);
  return path;
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

test("digestFile() hashes a small file and leaves nothing beside it", async () => {
  const content = Buffer.from("GGUF and more");
  const path = await fileOf(content);

  expect(await digestFile(path)).toBe(sha256(content));
  expect(await readdir(join(path, ".."))).toEqual(["model.gguf"]);
});

test("digestFile() reads a large file once while it does not change", async () => {
  const path = await fileOf(Buffer.alloc(LARGE_BYTES, 1));
  await utimes(path, 1, 1);
  const first = await digestFile(path);
  // Same size and time, other bytes: only a digest that was kept can still be the first one.
  await writeFile(path, Buffer.alloc(LARGE_BYTES, 2));
  await utimes(path, 1, 1);

  expect(first).toBe(sha256(Buffer.alloc(LARGE_BYTES, 1)));
  expect(await digestFile(path)).toBe(first);
});

test("digestFile() hashes a large file again when its time or its size changed or the kept digest is broken", async () => {
  const path = await fileOf(Buffer.alloc(LARGE_BYTES, 1));
  await digestFile(path);
  const changed = Buffer.alloc(LARGE_BYTES, 2);
  await writeFile(path, changed);
  await utimes(path, 2, 2);
  expect(await digestFile(path)).toBe(sha256(changed));

  await writeFile(`${path}.digest.json`, '{"sha256":"');
  expect(await digestFile(path)).toBe(sha256(changed));
  expect(JSON.parse(await readFile(`${path}.digest.json`, "utf8"))).toMatchObject({ sha256: sha256(changed) });
});
