import { bullJobQueue } from "#jobs/bullmq/job-queue.ts";
import { jobQueueContract } from "../../../contract/job-queue.ts";
import {
  connectTo,
  newPrefix,
  type RedisServer,
  recordingLog,
  redisOfFile,
} from "../../../fixtures/redis/start-redis.ts";

const server = redisOfFile();

async function openQueue(prefix: string, on: RedisServer = server(), changes = {}) {
  const redis = await connectTo(on, { prefix });
  const { client, openPatient } = redis;
  const log = recordingLog();
  return bullJobQueue({ client, openPatient, prefix, now: Date.now, log, pollMs: 20, retryMs: 5, ...changes });
}

jobQueueContract(async () => {
  const prefix = newPrefix();
  return [await openQueue(prefix), await openQueue(prefix)];
});
