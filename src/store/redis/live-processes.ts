import type { LiveProcesses } from "#store/live-processes.ts";
import { READ_CLOCK } from "./leases.ts";
import type { RedisConnection } from "./open-redis.ts";
import { defineScript, runScript } from "./scripts.ts";

/** ARGV: clock, member, ttlMs. The set holds until when each member lives. */
const beat = defineScript(`${READ_CLOCK}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3] + 1000)
return redis.call('ZCARD', KEYS[1])
`);

/** ARGV: clock, member. */
const leave = defineScript(`return redis.call('ZREM', KEYS[1], ARGV[2])`);

/** Reject with RedisUnavailableError while Redis is away. `now` is for tests: machines' clocks differ, the server has one. */
export function redisLiveProcesses(redis: RedisConnection, now?: () => number): LiveProcesses {
  const keyOf = (work: string) => `${redis.prefix}:live:${JSON.stringify(work)}`;
  return {
    async beat(work, member, ttlMs) {
      const args = [now?.() ?? "", JSON.stringify(member), ttlMs];
      return Number(await redis.use((client) => runScript(client, beat, keyOf(work), args)));
    },
    async leave(work, member) {
      await redis.use((client) => runScript(client, leave, keyOf(work), ["", JSON.stringify(member)]));
    },
  };
}
