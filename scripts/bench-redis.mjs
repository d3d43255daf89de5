// `npm run bench -- --only redis --entries 10000`: what the cache, limits, leases, hints and jobs cost over Redis. It starts a
// redis-server of its own (Debian's package), or uses REDIS_URL, under a prefix of its own that it leaves empty.
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createServer, defaultServerConditions } from "vite";
import { startLocalServer } from "./benching/local-server.mjs";

const { values } = parseArgs({
  options: {
    entries: { type: "string", default: "10000" },
    dimensions: { type: "string", default: "384" },
    jobs: { type: "string", default: "500" },
    json: { type: "boolean", default: false },
  },
});
const [entries, dimensions, jobs] = [values.entries, values.dimensions, values.jobs].map(Number);
const log = { debug() {}, info() {}, warn() {}, error() {} };
const DAY_MS = 86_400_000;
const SERVER = "redis-server";

// Vite reads the source as the tests do: nothing has to be built.
const loader = await createServer({
  configFile: false,
  server: { middlewareMode: true, watch: null, ws: false },
  appType: "custom",
  logLevel: "error",
  optimizeDeps: { noDiscovery: true },
  ssr: { resolve: { conditions: ["source", ...defaultServerConditions] } },
});
const load = (path) => loader.ssrLoadModule(`/src/${path}`);
const { openRedis } = await load("store/redis/open-redis.ts");
const { redisSemanticCache } = await load("store/redis/semantic-cache.ts");
const { redisLeases } = await load("store/redis/leases.ts");
const { redisRateLimiter } = await load("store/redis/rate-limiter.ts");
const { memoryRateLimiter } = await load("store/memory/rate-limiter.ts");
const { openRedisEventBus } = await load("events/redis/event-bus.ts");
const { bullJobQueue } = await load("jobs/bullmq/job-queue.ts");

const server = await startServer();
const prefix = `bench-${randomUUID()}`;
const connections = await Promise.all([0, 1, 2].map(() => openRedis({ url: server.url, prefix, log, now: Date.now })));
const [one, two, three] = connections;
const report = {
  machine: `${availableParallelism()} cores of ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`,
  load: loadavg()[0],
  entries,
  dimensions,
};
try {
  await benchCache();
  await benchShort();
  await benchHints();
  await benchJobs();
} finally {
  const keys = await one.client.keys(`*${prefix}*`);
  if (keys.length > 0) await one.client.unlink(...keys);
  for (const redis of connections) await redis.close();
  server.stop();
  await loader.close();
}
process.stdout.write(`${JSON.stringify(report, null, values.json ? 0 : 2)}\n`);

async function benchCache() {
  const options = { now: Date.now, isErased: async () => false };
  const [mine, others, late] = [one, two, three].map((redis) => redisSemanticCache(redis, options));
  const nowMs = Date.now();
  const base = { scope: "bench", domain: "support", createdAtMs: nowMs, expiresAtMs: nowMs + DAY_MS, hits: 0 };
  const put = (cache, index) =>
    cache.put(
      {
        ...base,
        question: `question ${index}`,
        reply: "An answer. ".repeat(40),
        signature: `signature ${index}`,
        turnId: `turn ${index}`,
        vector: unitVector(index),
      },
      entries,
    );
  const before = await usedBytes();
  const startedAtMs = performance.now();
  for (let index = 0; index < entries; index += 1) await put(mine, index);
  report.cachePutMs = round((performance.now() - startedAtMs) / entries);
  report.cacheBytesPerEntry = Math.round(((await usedBytes()) - before) / entries);
  const nearest = (index) => ({ scope: "bench", vector: unitVector(index), similarityMin: 0.8, limit: 5, nowMs });
  report.cacheFirstNearestMs = round(await timeOf(() => others.findNearest(nearest(1))));
  report.cacheNearest = await measure(50, (index) => others.findNearest(nearest(index * 31 + 1)));
  report.cacheNearestAfterPutElsewhere = await measure(
    50,
    (index) => others.findNearest(nearest(index)),
    (index) => put(mine, entries + index),
  );
  report.cacheGet = await measure(500, (index) => others.get("bench", `question ${entries - 1 - index}`, nowMs));
  report.cacheMiss = await measure(500, (index) => others.get("bench", `unknown ${index}`, nowMs));
  report.cacheSignature = await measure(500, (index) =>
    others.findBySignature("bench", `signature ${entries - 1 - index}`, nowMs),
  );
  report.cacheEvictTurn = await measure(100, (index) => late.evictTurn(`turn ${entries - 1 - index}`));
  report.cacheStatsMs = round(await timeOf(() => late.stats()));
}

async function benchShort() {
  const limiter = redisRateLimiter(one, { meanwhile: memoryRateLimiter() });
  report.rateTake = await measure(500, (index) => limiter.take(`user ${index % 50}`, 1000, 60_000, 0));
  const leases = redisLeases(one);
  report.leaseAcquireAndRelease = await measure(500, async (index) => {
    await leases.release(await leases.acquire(`name ${index % 5}`, "me", 1000, 0));
  });
}

async function benchHints() {
  const [from, to] = await Promise.all(
    [one, two].map((redis, index) =>
      openRedisEventBus({
        publisher: redis.client,
        subscriber: redis.openPatient(),
        prefix,
        processName: `${index}`,
        log,
      }),
    ),
  );
  report.hintElsewhere = await measure(300, async (index) => {
    const heard = new Promise((resolve) => {
      const end = to.subscribe(["run.changed"], (hint) => {
        if (hint.runId !== `${index}`) return;
        end();
        resolve();
      });
    });
    from.publish({ kind: "run.changed", runId: `${index}` });
    await heard;
  });
  from.close();
  to.close();
}

async function benchJobs() {
  const open = ({ client, use, openPatient }) => bullJobQueue({ client, use, openPatient, prefix, log, now: Date.now });
  const queue = open(one);
  const request = { kind: "train", payload: null, priority: 0, attemptsMax: 3 };
  report.jobEnqueue = await measure(jobs, (index) => queue.enqueue({ ...request, id: `j${index}`, key: `k${index}` }));
  const controller = new AbortController();
  let ended = 0;
  const startedAtMs = performance.now();
  const run = async () => {
    ended += 1;
  };
  const working = open(two).work("train", run, { parallel: 8, leaseMs: 30_000, signal: controller.signal });
  while (ended < jobs) await sleep(5);
  report.jobsPerSecond = Math.round((jobs / (performance.now() - startedAtMs)) * 1000);
  report.jobUntilItBegins = await measure(20, async (index) => {
    const before = ended;
    await queue.enqueue({ ...request, id: `late${index}`, key: "late" });
    while (ended === before) await sleep(1);
  });
  controller.abort();
  await working;
}

async function measure(times, act, prepare = async () => {}) {
  const took = [];
  for (let index = 0; index < times; index += 1) {
    await prepare(index);
    took.push(await timeOf(() => act(index)));
  }
  took.sort((left, right) => left - right);
  return { p50Ms: round(took[Math.floor(times / 2)]), p95Ms: round(took[Math.floor(times * 0.95)]) };
}

async function timeOf(act) {
  const startedAtMs = performance.now();
  await act();
  return performance.now() - startedAtMs;
}

function round(ms) {
  return Number(ms.toPrecision(3));
}

/** Of its own direction for every index, the same at every run. */
function unitVector(seed) {
  const vector = Float32Array.from({ length: dimensions }, (_, index) => Math.sin((seed + 1) * (index + 1) * 12.9898));
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

async function usedBytes() {
  return Number(/used_memory:(\d+)/.exec(await one.client.info("memory"))?.[1]);
}

async function startServer() {
  if (process.env.REDIS_URL) return { url: process.env.REDIS_URL, stop: () => {} };
  const folder = mkdtempSync(join(tmpdir(), "reactune-bench-redis-"));
  const kept = ["--dir", folder, "--save", "", "--appendonly", "yes"];
  const { port, stop } = await startLocalServer(SERVER, (at) => ["--bind", "127.0.0.1", "--port", `${at}`, ...kept]);
  return {
    url: `redis://127.0.0.1:${port}`,
    stop() {
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
