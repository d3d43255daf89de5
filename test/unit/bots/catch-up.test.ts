import { expect, onTestFinished, test, vi } from "vitest";
import { startCatchUp } from "#bots/catch-up.ts";
import type { Missed, PlatformConnector } from "#bots/platform-connector.ts";
import { StoreUnreachableError } from "#core/errors.ts";
import { openIntakeWorld } from "./intake-world.ts";

const ALIVE = "alive:discord";

async function openCatchUp(given: Partial<PlatformConnector> = {}) {
  const world = await openIntakeWorld();
  const missed: Missed[] = [];
  const connector: PlatformConnector = {
    ...world.connector,
    async catchUp(one) {
      missed.push(one);
    },
    ...given,
  };
  const { store, parts, lines } = world;
  const start = () => startCatchUp({ ...store, connector, now: parts.now, log: parts.log });
  return { ...world, missed, start, lines, cursor: () => store.platforms.getCursor(ALIVE) };
}

function holdTimers(): void {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
}

test("startCatchUp() has nothing to fetch before the first start, and notes that it listens", async () => {
  const { start, missed, cursor, clock } = await openCatchUp();

  await start().caughtUp;

  expect(missed).toEqual([{ replies: [] }]);
  expect(await cursor()).toBe(clock.nowMs);
});

test("startCatchUp() fetches from a minute before it was last alive on, with the recent replies, newest first", async () => {
  const { start, missed, say, store, clock } = await openCatchUp();
  await say("m1", "My order?");
  await say("m2", "My refund?", { threadId: "t1" });
  await store.platforms.putCursor(ALIVE, clock.nowMs);
  const aliveAtMs = clock.nowMs;
  clock.nowMs += 3_600_000;

  await start().caughtUp;

  const place = { workspaceId: "discord:G1", channelId: "C1" };
  expect(missed).toEqual([
    {
      sinceMs: aliveAtMs - 60_000,
      replies: [
        { ...place, threadId: "t1", messageId: "turn-e-m2.0" },
        { ...place, messageId: "turn-e-m1.0" },
      ],
    },
  ]);
});

test("startCatchUp() keeps the cursor where it was until all that was missed is accepted", async () => {
  let isReadable = false;
  const { start, cursor, store, lines, clock } = await openCatchUp({
    async catchUp() {
      if (!isReadable) throw new Error("HTTP 500");
    },
  });
  await store.platforms.putCursor(ALIVE, 1000);

  const first = start();
  await first.caughtUp;
  expect(lines).toContainEqual(expect.objectContaining({ level: "error", event: "catch-up.failed" }));
  expect(await cursor()).toBe(1000);
  isReadable = true;
  await start().caughtUp;
  expect(await cursor()).toBe(clock.nowMs);
});

test("startCatchUp() waits for a store that went away, and fetches what was missed then", async () => {
  let tries = 0;
  const { start, cursor, store, lines, clock } = await openCatchUp({
    async catchUp() {
      tries += 1;
      if (tries === 1) throw new StoreUnreachableError("db:27017");
    },
  });
  await store.platforms.putCursor(ALIVE, 1000);

  await start().caughtUp;

  expect(tries).toBe(2);
  expect(await cursor()).toBe(clock.nowMs);
  expect(lines.map(({ event }) => event)).toContain("catch-up.waits");
});

test("startCatchUp() moves the cursor while the platform is connected only, and a last time at the end", async () => {
  holdTimers();
  const state = { isConnected: true };
  const { start, cursor, clock } = await openCatchUp({ isConnected: () => state.isConnected });
  const catchUp = start();
  await catchUp.caughtUp;
  const startedAtMs = clock.nowMs;

  state.isConnected = false;
  clock.nowMs += 10_000;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await cursor()).toBe(startedAtMs);
  state.isConnected = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await cursor()).toBe(startedAtMs + 10_000);
  clock.nowMs += 5000;
  await catchUp.stop();
  expect(await cursor()).toBe(startedAtMs + 15_000);
});
