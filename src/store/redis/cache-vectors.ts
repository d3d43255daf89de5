import { setTimeout as sleep } from "node:timers/promises";
import { type Near, toVector, type VectorBlock, vectorBlock } from "#store/vector-block.ts";
import type { RedisClient } from "./open-redis.ts";

/**
 * The vectors of a scope in one block of memory. Redis numbers every change of a scope's vectors, so a process reads only what
 * is newer than what it knows. What was removed elsewhere is found out when its entry is looked up; `forget` takes it away.
 */
export interface CacheVectors {
  findNearest(query: ScopeQuery): Promise<readonly Near<string>[]>;
  forget(base: string, questions: readonly string[]): void;
}

export interface ScopeQuery {
  /** First key of the scope. */
  readonly base: string;
  readonly vector: Float32Array;
  readonly similarityMin: number;
  readonly limit: number;
  readonly nowMs: number;
}

interface Scope {
  /** By length. */
  readonly blocks: Map<number, VectorBlock<string>>;
  /** As Redis wrote it: exact. */
  lastChange: string;
  reading: Promise<void>;
}

/** 32 scopes of 10,000 entries with 384 dimensions are 490 MB: seldom used ones are read again instead. */
const SCOPES_MAX = 32;
const FLOATS_MAX = 64_000_000;
const READ_AT_ONCE = 200;
const READ_WAIT_MS = 300;

export function cacheVectors(client: RedisClient, readWaitMs = READ_WAIT_MS): CacheVectors {
  /** Least recently used first. */
  const scopes = new Map<string, Scope>();

  function open(base: string): Scope {
    const scope = scopes.get(base) ?? { blocks: new Map(), lastChange: "-inf", reading: Promise.resolve() };
    scopes.delete(base);
    scopes.set(base, scope);
    const floats = () => [...scopes.values()].reduce((sum, one) => sum + floatsOf(one), 0);
    for (const oldest of scopes.keys()) {
      if (scopes.size === 1 || (scopes.size <= SCOPES_MAX && floats() <= FLOATS_MAX)) break;
      scopes.delete(oldest);
    }
    return scope;
  }

  async function readNews(base: string, scope: Scope): Promise<void> {
    const after = scope.lastChange === "-inf" ? "-inf" : `(${scope.lastChange}`;
    const [changes, count] = await Promise.all([
      client.zrangebyscore(`${base}:v`, after, "+inf", "WITHSCORES"),
      client.zcard(`${base}:v`),
    ]);
    const questions = changes.filter((_, index) => index % 2 === 0);
    for (let at = 0; at < questions.length; at += READ_AT_ONCE) {
      const some = questions.slice(at, at + READ_AT_ONCE);
      const rows = await Promise.all(some.map((question) => client.hmgetBuffer(`${base}:e:${question}`, "v", "x")));
      for (const [index, question] of some.entries()) replace(scope, question, rows[index] ?? []);
    }
    scope.lastChange = changes.at(-1) ?? scope.lastChange;
    // Many were removed elsewhere: they are dropped before they cost more than a look at each key.
    if (sizeOf(scope) > count * 1.2 + 64) await dropRemoved(base, scope);
  }

  async function dropRemoved(base: string, scope: Scope): Promise<void> {
    const kept = new Set(await client.zrange(`${base}:v`, "0", "-1"));
    for (const block of scope.blocks.values()) {
      for (const question of block.ids()) if (!kept.has(question)) block.remove(question);
    }
  }

  return {
    async findNearest({ base, vector, similarityMin, limit, nowMs }) {
      const scope = open(base);
      // One after another: two that read the same news would add them twice.
      const reading = scope.reading.then(() => readNews(base, scope));
      scope.reading = reading.catch(() => {});
      // The first question of a large scope does not wait for all of it: what was read so far is searched.
      await Promise.race([reading, sleep(readWaitMs, undefined, { ref: false })]);
      return scope.blocks.get(vector.length)?.findNearest(vector, similarityMin, limit, nowMs) ?? [];
    },
    forget(base, questions) {
      for (const block of scopes.get(base)?.blocks.values() ?? []) {
        for (const question of questions) block.remove(question);
      }
    },
  };
}

function replace(
  { blocks }: Scope,
  question: string,
  [bytes, expiresAt]: readonly (Buffer | null | undefined)[],
): void {
  for (const block of blocks.values()) block.remove(question);
  if (bytes === null || bytes === undefined || bytes.length % 4 !== 0) return;
  const vector = toVector(bytes);
  const block = blocks.get(vector.length) ?? vectorBlock<string>(vector.length);
  blocks.set(vector.length, block);
  block.add(question, Number(expiresAt), vector);
}

function sizeOf({ blocks }: Scope): number {
  return [...blocks.values()].reduce((sum, block) => sum + block.size(), 0);
}

function floatsOf({ blocks }: Scope): number {
  return [...blocks.values()].reduce((sum, block) => sum + block.floats(), 0);
}
