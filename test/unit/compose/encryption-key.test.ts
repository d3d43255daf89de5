import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openEncryptionKey } from "#compose/encryption-key.ts";
import { ConfigInvalidError } from "#core/errors.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";

test("openEncryptionKey() makes a key once, for its owner's eyes only, and gives it again", () => {
  const path = join(makeTempFolder(), "data", "encryption.key");

  const key = openEncryptionKey(undefined, path);

  expect(key).toHaveLength(32);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(openEncryptionKey(undefined, path)).toEqual(key);
});

test("openEncryptionKey() takes the operator's key, and writes no file, when one is given", () => {
  const path = join(makeTempFolder(), "encryption.key");

  expect(openEncryptionKey("ab".repeat(32), path)).toEqual(Buffer.alloc(32, 0xab));
  expect(() => readFileSync(path)).toThrow("ENOENT");
});

test("openEncryptionKey() refuses a damaged file instead of making another key", () => {
  const path = join(makeTempFolder(), "encryption.key");
  writeFileSync(path, "half");

  expect(() => openEncryptionKey(undefined, path)).toThrow(ConfigInvalidError);
  expect(readFileSync(path, "utf8")).toBe("half");
});
