import { RedisUnavailableError } from "#core/errors.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import { type ClockOwner, READ_CLOCK } from "./leases.ts";
import type { RedisConnection } from "./open-redis.ts";
import { defineScript, runScript } from "./scripts.ts";

/**
 * ARGV: clock, points, windowMs. Returns 0 when allowed, else after how many ms to come back. A refused call counts nothing, so
 * that who keeps trying is let in when the window is over.
 */
const take = defineScript(`${READ_CLOCK}
local points, window = tonumber(ARGV[2]), tonumber(ARGV[3])
local open = redis.call('HMGET', KEYS[1], 'ends', 'taken')
if not open[1] or tonumber(open[1]) <= now then
  if points <= 0 then return window end
  redis.call('HSET', KEYS[1], 'ends', string.format('%.0f', now + window), 'taken', 1)
  redis.call('PEXPIRE', KEYS[1], window + 1000)
  return 0
end
if tonumber(open[2]) >= points then return math.max(1, math.min(tonumber(open[1]) - now, window)) end
redis.call('HINCRBY', KEYS[1], 'taken', 1)
return 0
`);

export interface RedisRateLimiterOptions {
  /** Limits while Redis is away: each process for itself then, since chat must not stop. */
  readonly meanwhile: RateLimiter;
  readonly clock?: ClockOwner;
}

/** A window begins with the first point taken in it, in whichever process, by the server's clock. Redis forgets it when it is over. */
export function redisRateLimiter(redis: RedisConnection, options: RedisRateLimiterOptions): RateLimiter {
  const { meanwhile, clock = "server" } = options;
  return {
    async take(key, points, windowMs, nowMs) {
      try {
        const args = [clock === "caller" ? nowMs : "", points, windowMs];
        const name = `${redis.prefix}:rate:${JSON.stringify(key)}`;
        const retryAfterMs = Number(await redis.use((client) => runScript(client, take, name, args)));
        return { isAllowed: retryAfterMs === 0, retryAfterMs };
      } catch (error) {
        if (error instanceof RedisUnavailableError) return meanwhile.take(key, points, windowMs, nowMs);
        throw error;
      }
    },
  };
}
