import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { openRedisEventBus } from "#events/redis/event-bus.ts";
import { watchServices } from "#trainer/service-watch.ts";
import { SCOPE, sampleService } from "../../../contract/sample-records.ts";
import {
  connectTo,
  hasRedis,
  type RedisServer,
  recordingLog,
  startRedis,
} from "../../../fixtures/redis/start-redis.ts";
import { makeTempFolder, openTempStore } from "../../store/sqlite/temp-store.ts";

/** What a process of bots has: a view of the records, a bus, and a watch on what is in service. */
async function openProcess(server: RedisServer, path: string, processName: string) {
  const log = recordingLog();
  const redis = await connectTo(server, { log });
  const { client: publisher, prefix } = redis;
  const bus = await openRedisEventBus({
    publisher,
    subscriber: redis.openPatient(),
    isUp: () => redis.describeHealth().isUp,
    prefix,
    processName,
    log,
  });
  const { learning } = openTempStore(path);
  const watch = await watchServices(learning, bus, log);
  onTestFinished(() => {
    watch.stop();
    bus.close();
  });
  return { bus, learning, watch };
}

async function openProcesses() {
  const server = await startRedis();
  const path = join(makeTempFolder(), "reactune.db");
  const processes = [];
  for (const name of ["bots-1", "bots-2", "trainer"]) processes.push(await openProcess(server, path, name));
  const [one, two, trainer] = processes;
  if (one === undefined || two === undefined || trainer === undefined) throw new Error("three were opened");
  let epoch = 0;
  /** Puts the next service in place and gives the ms until every process has it. */
  const activate = async (): Promise<number> => {
    const startedAtMs = performance.now();
    const next = sampleService({ scope: SCOPE, epoch: epoch + 1 });
    expect(await trainer.learning.compareAndSetService(next, epoch)).toBe(true);
    epoch += 1;
    trainer.bus.publish({ kind: "service.changed", scopeKey: JSON.stringify(SCOPE) });
    const seen = () => [one, two].map(({ watch }) => watch.current(SCOPE).epoch);
    await vi.waitFor(() => expect(seen()).toEqual([epoch, epoch]), { timeout: 3000, interval: 1 });
    return performance.now() - startedAtMs;
  };
  return { server, activate };
}

describe.skipIf(!hasRedis)("Redis (needs redis)", () => {
  test("watchServices() sees an activation in every process sooner than it would poll", async () => {
    const { activate } = await openProcesses();
    const tookMs: number[] = [];
    for (let round = 0; round < 20; round += 1) tookMs.push(await activate());
    const [, median = 0, most = 0] = summary(tookMs);
    process.stdout.write(
      `activation seen in every process: median ${median.toFixed(1)} ms, at most ${most.toFixed(1)} ms of 20\n`,
    );

    // Polling alone, twice a second, would take 250 ms in the middle.
    expect(median).toBeLessThan(200);
    expect(most).toBeLessThan(1000);
  });

  test("watchServices() sees an activation within a second by polling while Redis is away", async () => {
    const { server, activate } = await openProcesses();
    await activate();
    await server.kill();
    const tookMs: number[] = [];
    for (let round = 0; round < 3; round += 1) tookMs.push(await activate());
    const [, , most = 0] = summary(tookMs);
    process.stdout.write(`with Redis killed: at most ${most.toFixed(0)} ms of 3\n`);

    expect(most).toBeLessThan(1000);
  });
});

function summary(values: readonly number[]): readonly [number | undefined, number | undefined, number | undefined] {
  const sorted = values.toSorted((left, right) => left - right);
  return [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
}
