import type { SharedWindows } from "#store/shared-windows.ts";
import { READ_CLOCK } from "./leases.ts";
import type { RedisConnection } from "./open-redis.ts";
import { defineScript, runScript } from "./scripts.ts";

/** Of one window: no platform counts more in one. */
const PLACES_MAX = 128;

/**
 * ARGV: clock, places, perMs. The list holds when the newest places were taken, newest first: when the one that must be over first
 * is over, there is room. Returns 0 when taken.
 */
const take = defineScript(`${READ_CLOCK}
local places, per = tonumber(ARGV[2]), tonumber(ARGV[3])
local blocking = tonumber(redis.call('LINDEX', KEYS[1], places - 1) or '-1')
if blocking > now - per then return math.min(blocking + per - now, per) end
redis.call('LPUSH', KEYS[1], string.format('%.0f', now))
redis.call('LTRIM', KEYS[1], 0, ${PLACES_MAX - 1})
redis.call('PEXPIRE', KEYS[1], per + 1000)
return 0
`);

/** ARGV: clock, places, perMs. */
const left = defineScript(`${READ_CLOCK}
local places, per = tonumber(ARGV[2]), tonumber(ARGV[3])
local free = places
for _, at in ipairs(redis.call('LRANGE', KEYS[1], 0, places - 1)) do
  if tonumber(at) > now - per then free = free - 1 end
end
return free
`);

/** `now` is for tests: machines' clocks differ, the server has one. */
export function redisSharedWindows(redis: RedisConnection, now?: () => number): SharedWindows {
  function run(script: typeof take, key: string, places: number, perMs: number): Promise<unknown> {
    if (places < 1 || places > PLACES_MAX) throw new RangeError(`Cannot count ${places} places: 1 to ${PLACES_MAX}`);
    const name = `${redis.prefix}:window:${JSON.stringify(key)}`;
    return redis.use((client) => runScript(client, script, name, [now?.() ?? "", places, perMs]));
  }
  return {
    // What fails is told by the connection's health; each process counts for itself.
    take: async (key, places, perMs) => Number(await run(take, key, places, perMs).catch(() => 0)),
    left: async (key, places, perMs) => Number(await run(left, key, places, perMs).catch(() => places)),
  };
}
