import type { Lease, Leases } from "#store/lease.ts";
import type { RedisConnection } from "./open-redis.ts";
import { defineScript, type RedisScript, runScript, type ScriptArgument } from "./scripts.ts";

/** The caller's clock is for tests: machines' clocks differ, the server has one. */
export type ClockOwner = "server" | "caller";

/** ARGV[1] is the caller's clock, or '' for the server's. */
export const READ_CLOCK = `
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
`;

/** How long a lease's hash stays behind its end: the caller's clock may be slower than the server's. */
const KEEP_LONGER_MS = 60_000;

/**
 * ARGV: clock, holder, ttlMs. The last fencing token of all names stands beside the leases, so that a name may be forgotten
 * and its next token is larger all the same.
 */
const acquire = defineScript(`${READ_CLOCK}
local lease = redis.call('HMGET', KEYS[1], 'holder', 'until')
if lease[1] and lease[1] ~= ARGV[2] and tonumber(lease[2]) > now then return false end
local token = redis.call('INCR', ARGV[4])
redis.call('HSET', KEYS[1], 'holder', ARGV[2], 'token', token, 'until', string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ${KEEP_LONGER_MS})
return token
`);

/** ARGV: clock, holder, ttlMs, token. */
const renew = defineScript(`${READ_CLOCK}
local lease = redis.call('HMGET', KEYS[1], 'holder', 'token', 'until')
if lease[1] ~= ARGV[2] or lease[2] ~= ARGV[4] or tonumber(lease[3]) <= now then return 0 end
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[3] + ${KEEP_LONGER_MS})
return 1
`);

/** ARGV: clock, holder, token. */
const release = defineScript(`
local lease = redis.call('HMGET', KEYS[1], 'holder', 'token')
if lease[1] == ARGV[2] and lease[2] == ARGV[3] then redis.call('DEL', KEYS[1]) end
return 1
`);

/** Reject with RedisUnavailableError while Redis is away: who cannot renew must stop before its time is over. */
export function redisLeases(redis: RedisConnection, clock: ClockOwner = "server"): Leases {
  // One hash tag: a script touches a lease and the counter.
  const root = `{${redis.prefix}:lease}`;
  const run = (script: RedisScript, name: string, nowMs: number, args: readonly ScriptArgument[]) =>
    redis.use((client) =>
      runScript(client, script, `${root}:${asJson(name)}`, [clock === "caller" ? nowMs : "", ...args]),
    );

  return {
    async acquire(name, holder, ttlMs, nowMs) {
      const token = await run(acquire, name, nowMs, [asJson(holder), ttlMs, `${root}`]);
      return token === null ? undefined : { name, holder, fencingToken: Number(token) };
    },
    async renew({ name, holder, fencingToken }: Lease, ttlMs, nowMs) {
      return (await run(renew, name, nowMs, [asJson(holder), ttlMs, fencingToken])) === 1;
    },
    async release({ name, holder, fencingToken }: Lease) {
      await run(release, name, 0, [asJson(holder), fencingToken]);
    },
  };
}

/** Lone surrogates have no UTF-8: as in JSON. */
function asJson(text: string): string {
  return JSON.stringify(text);
}
