import { createHash } from "node:crypto";
import type { RedisClient } from "./open-redis.ts";

/** A Lua script that Redis runs as one step. Its first key carries the hash tag: every other key is made from it. */
export interface RedisScript {
  readonly source: string;
  readonly digest: string;
}

export type ScriptArgument = string | number | Buffer;

export function defineScript(source: string): RedisScript {
  return { source, digest: createHash("sha1").update(source).digest("hex") };
}

/** By its digest; in full where the server does not know it yet, as after its restart. Text comes back as buffers. */
export async function runScript(
  client: RedisClient,
  script: RedisScript,
  key: string,
  args: readonly ScriptArgument[],
): Promise<unknown> {
  try {
    return await client.callBuffer("EVALSHA", script.digest, 1, key, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
    return client.callBuffer("EVAL", script.source, 1, key, ...args);
  }
}
