import { expect, test, vi } from "vitest";
import { startRetention, sweepRetention } from "#bots/retention.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { GUILD, OTHER_GUILD, openIntakeWorld } from "./intake-world.ts";

const DAY_MS = 86_400_000;

async function openRetention() {
  const world = await openIntakeWorld();
  const places = fixedSettings(({ workspaceId }) => ({ retentionDays: workspaceId === GUILD ? 30 : 0 }));
  const { store, parts } = world;
  const jobs = sqliteJobQueue({ database: store.jobsDatabase, now: parts.now });
  const retention = { ...store, jobs, places, now: parts.now, log: parts.log };
  const questionOf = async (turnId: string) => (await store.chat.findTurn(turnId))?.question;
  return { ...world, retention, questionOf };
}

test("sweepRetention() erases what is older than its workspace keeps, and nothing of one that keeps all", async () => {
  const { say, retention, clock, questionOf, lines } = await openRetention();
  await say("old", "My order?");
  await say("kept", "My order?", { workspaceId: OTHER_GUILD });
  clock.nowMs += 29 * DAY_MS;
  await say("young", "My refund?");
  clock.nowMs += 1.5 * DAY_MS;

  await sweepRetention(retention, new AbortController().signal);

  expect(await questionOf("turn-e-old")).toBe("");
  expect(await questionOf("turn-e-young")).toBe("My refund?");
  expect(await questionOf("turn-e-kept")).toBe("My order?");
  expect(lines).toContainEqual(
    expect.objectContaining({ event: "retention.erased", fields: { workspaceId: GUILD, days: 30, turns: 1 } }),
  );
});

test("sweepRetention() forgets events that no platform delivers again, and keeps the younger ones", async () => {
  const { say, retention, clock, store, message } = await openRetention();
  await say("old", "My order?");
  clock.nowMs += 6 * DAY_MS;
  await say("young", "My refund?");
  clock.nowMs += 2 * DAY_MS;

  await sweepRetention(retention, new AbortController().signal);

  expect(await store.chat.acceptEvent("e-old", message("old", "My order?"), clock.nowMs)).toBe(true);
  expect(await store.chat.acceptEvent("e-young", message("young", "My refund?"), clock.nowMs)).toBe(false);
});

test("sweepRetention() forgets stored replies past their time, and keeps the others", async () => {
  const { retention, clock, store } = await openRetention();
  const entry = { scope: "s", reply: "Soon.", turnId: "t", domain: "support", createdAtMs: 0, hits: 0 };
  await store.cache.put({ ...entry, question: "old", expiresAtMs: clock.nowMs - 1 }, 9);
  await store.cache.put({ ...entry, question: "young", expiresAtMs: clock.nowMs + 1 }, 9);

  await sweepRetention(retention, new AbortController().signal);

  expect((await store.cache.inspect(9)).map(({ question }) => question)).toEqual(["young"]);
  expect((await store.cache.stats()).entries).toBe(1);
});

test("sweepRetention() forgets jobs that ended long ago, and no other", async () => {
  const { retention, clock } = await openRetention();
  const { jobs } = retention;
  const enqueue = (id: string) =>
    jobs.enqueue({ id, kind: "train", key: id, payload: null, priority: 0, attemptsMax: 1 });
  await enqueue("old");
  await enqueue("waiting");
  await jobs.cancel("old");
  clock.nowMs += 89 * DAY_MS;
  await enqueue("young");
  await jobs.cancel("young");
  clock.nowMs += 2 * DAY_MS;

  await sweepRetention(retention, new AbortController().signal);

  expect((await jobs.list({ limit: 9 })).map(({ id }) => id)).toEqual(["young", "waiting"]);
});

test("sweepRetention() goes on over many batches, and ends between two when it is aborted", async () => {
  const { retention } = await openRetention();
  const batches: number[] = [];
  const abort = new AbortController();
  const eraseBefore = async (_workspaceId: string, _beforeMs: number, limit: number) => {
    batches.push(limit);
    if (batches.length === 3) abort.abort();
    return { turnIds: Array.from({ length: limit }, (_, index) => `t${index}`), feedback: 0 };
  };
  const privacy = { eraseBefore, listWorkspaces: async () => [GUILD] };

  await sweepRetention({ ...retention, privacy }, abort.signal);

  expect(batches).toHaveLength(3);
});

test("startRetention() sweeps at once and then every interval, and soon again after a failed sweep", async () => {
  const { retention, lines, say, clock, questionOf } = await openRetention();
  await say("old", "My order?");
  clock.nowMs += 31 * DAY_MS;
  const state = { isBroken: true };
  const listWorkspaces = async () => {
    if (state.isBroken) throw new Error("Disk full");
    return [GUILD];
  };
  const running = startRetention({ ...retention, privacy: { ...retention.privacy, listWorkspaces } }, { retryMs: 20 });
  await vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining({ event: "retention.failed" })));
  state.isBroken = false;

  await vi.waitFor(async () => expect(await questionOf("turn-e-old")).toBe(""));
  await running.stop();

  await say("later", "My order?");
  clock.nowMs += 31 * DAY_MS;
  const daily = startRetention(retention, { intervalMs: 20 });
  await vi.waitFor(async () => expect(await questionOf("turn-e-later")).toBe(""));
  await say("last", "My order?");
  clock.nowMs += 31 * DAY_MS;
  await vi.waitFor(async () => expect(await questionOf("turn-e-last")).toBe(""));
  await daily.stop();
});
