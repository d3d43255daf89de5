import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { ConfigInvalidError } from "#core/errors.ts";

/** The 32 bytes that stored credentials are sealed with: the operator's, else those of a file that is made once. */
export function openEncryptionKey(given: string | undefined, path: string): Uint8Array {
  const text = given ?? readKey(path) ?? makeKey(path);
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, "hex");
  throw new ConfigInvalidError([
    `the encryption key in ${path} is damaged: restore the file, or delete it and install the app in each workspace again`,
  ]);
}

function readKey(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function makeKey(path: string): string {
  const key = randomBytes(32).toString("hex");
  mkdirSync(dirname(path), { recursive: true });
  try {
    writeFileSync(path, `${key}\n`, { mode: 0o600, flag: "wx" });
    return key;
  } catch (error) {
    // Another process was faster: its key counts.
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return readKey(path) ?? key;
    throw error;
  }
}
