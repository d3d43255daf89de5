import { redisSemanticCache } from "#store/redis/semantic-cache.ts";
import { semanticCacheContract } from "../../../contract/semantic-cache.ts";
import { connectTo, newPrefix, redisOfFile } from "../../../fixtures/redis/start-redis.ts";

const server = redisOfFile();

const options = { now: Date.now, isErased: async () => false };

semanticCacheContract(async () => {
  const prefix = newPrefix();
  const [one, two] = await Promise.all([connectTo(server(), { prefix }), connectTo(server(), { prefix })]);
  return [redisSemanticCache(one, options), redisSemanticCache(two, options)];
});
