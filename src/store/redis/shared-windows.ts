import { PLACE_HELD_MS, type SharedWindows } from "#store/shared-windows.ts";
import { READ_CLOCK } from "./leases.ts";
import type { RedisConnection } from "./open-redis.ts";
import { defineScript, type RedisScript, runScript, type ScriptArgument } from "./scripts.ts";

/** Of one window: no platform counts more in one. */
const PLACES_MAX = 128;

/**
 * ARGV: clock, places, perMs, place. The set holds by place when it was answered, or when it will be taken to be: when the one that
 * must be over first is over, there is room. Returns 0 when taken.
 */
const take = defineScript(`${READ_CLOCK}
local places, per = tonumber(ARGV[2]), tonumber(ARGV[3])
local blocking = tonumber(redis.call('ZREVRANGE', KEYS[1], places - 1, places - 1, 'WITHSCORES')[2] or '-1')
if blocking > now - per then return math.min(blocking + per - now, per) end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ${PLACE_HELD_MS}), ARGV[4])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -${PLACES_MAX + 1})
redis.call('PEXPIRE', KEYS[1], per + ${PLACE_HELD_MS + 1000})
return 0
`);

/** ARGV: clock, perMs, place. One that is forgotten meanwhile is counted again. */
const noteAnswered = defineScript(`${READ_CLOCK}
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2] + ${PLACE_HELD_MS + 1000})
return 0
`);

/** ARGV: clock, places, perMs. */
const left = defineScript(`${READ_CLOCK}
local places, per = tonumber(ARGV[2]), tonumber(ARGV[3])
return math.max(0, places - redis.call('ZCOUNT', KEYS[1], string.format('(%.0f', now - per), '+inf'))
`);

/** `now` is for tests: machines' clocks differ, the server has one. */
export function redisSharedWindows(redis: RedisConnection, now?: () => number): SharedWindows {
  function run(script: RedisScript, key: string, ...rest: readonly ScriptArgument[]): Promise<unknown> {
    const name = `${redis.prefix}:places:${JSON.stringify(key)}`;
    return redis.use((client) => runScript(client, script, name, [now?.() ?? "", ...rest]));
  }
  function requirePlaces(places: number): void {
    if (places < 1 || places > PLACES_MAX) throw new RangeError(`Cannot count ${places} places: 1 to ${PLACES_MAX}`);
  }
  return {
    // What fails is told by the connection's health; each process counts for itself.
    async take(key, place, places, perMs) {
      requirePlaces(places);
      return Number(await run(take, key, places, perMs, place).catch(() => 0));
    },
    async noteAnswered(key, place, perMs) {
      await run(noteAnswered, key, perMs, place).catch(() => 0);
    },
    async left(key, places, perMs) {
      requirePlaces(places);
      return Number(await run(left, key, places, perMs).catch(() => places));
    },
  };
}
