import { expect, test } from "vitest";
import { parseQuietHours } from "#core/quiet-hours.ts";
import { type ScheduleSettings, scheduleTraining } from "#trainer/schedule-training.ts";
import { NOW_MS } from "./dataset-world.ts";
import { openTrainingWorld, sha256, type TrainingWorldOptions } from "./training-world.ts";

const DAY_MS = 86_400_000;

async function openSchedule(options: TrainingWorldOptions = {}) {
  const world = await openTrainingWorld({ liked: 5, ...options });
  const { learning } = world.store;
  return {
    ...world,
    learning,
    look: async (settings: Partial<ScheduleSettings> = {}) => {
      const decisions = await scheduleTraining(
        world.request,
        { intervalDays: 7, timeZone: "UTC", ...settings },
        sha256,
      );
      return decisions.map(({ decision }) => decision);
    },
    runs: () => learning.listRuns({ limit: 10 }),
  };
}

test("scheduleTraining() asks for a run of each scope that is ready and was never trained", async () => {
  const { look, runs } = await openSchedule();

  expect(await look()).toEqual(["requested"]);
  expect(await runs()).toMatchObject([{ requestedBy: "schedule", state: "queued" }]);
});

test("scheduleTraining() asks for nothing when a scope is not ready", async () => {
  const { look, runs } = await openSchedule({ liked: 2 });

  expect(await look()).toEqual(["not-ready"]);
  expect(await runs()).toEqual([]);
});

test("scheduleTraining() waits while a run is under way, and until the interval after its end", async () => {
  const { look, runs, learning, clock, people, store } = await openSchedule();
  await look();
  expect(await look()).toEqual(["running"]);
  const [run] = await runs();
  if (run === undefined) throw new Error("There is no run");
  await learning.saveRun({ ...run, state: "activated", endedAtMs: clock.nowMs });
  for (let index = 0; index < 3; index++) people.say({ scores: { ana: 5 } });
  await people.saveTo(store);

  clock.nowMs = NOW_MS + 6 * DAY_MS;
  expect(await look()).toEqual(["not-due"]);
  clock.nowMs = NOW_MS + 7 * DAY_MS + 60_000;
  expect(await look()).toEqual(["requested"]);
  expect(await runs()).toHaveLength(2);
});

test("scheduleTraining() asks for new examples after a run", async () => {
  const { look, runs, learning, clock } = await openSchedule();
  await look();
  const [run] = await runs();
  if (run === undefined) throw new Error("There is no run");
  await learning.saveRun({ ...run, state: "activated", endedAtMs: clock.nowMs });
  clock.nowMs += 7 * DAY_MS;

  expect(await look()).toEqual(["not-ready"]);
});

test("scheduleTraining() makes one run of all the looks that were missed", async () => {
  const { look, runs, clock } = await openSchedule();
  clock.nowMs += 20 * DAY_MS;

  await look();
  await look();

  expect(await runs()).toHaveLength(1);
});

test("scheduleTraining() makes one run when two processes look at once", async () => {
  const { request, runs } = await openSchedule();
  let waiting = 0;
  let open: (() => void) | undefined;
  const both = new Promise<void>((resolve) => {
    open = resolve;
  });
  // Each has seen that there is no run before either makes one.
  const learning = {
    ...request.learning,
    async saveRun(...given: Parameters<typeof request.learning.saveRun>) {
      if (++waiting === 2) open?.();
      await both;
      await request.learning.saveRun(...given);
    },
  };
  const settings = { intervalDays: 7, timeZone: "UTC" };

  await Promise.all([1, 2].map(() => scheduleTraining({ ...request, learning }, settings, sha256)));

  expect(await runs()).toHaveLength(1);
  expect(await request.jobs.list({ limit: 10 })).toHaveLength(1);
});

// NOW_MS is 09:30 UTC.
test.each([
  ["09:00-10:00", "UTC", "quiet"],
  ["09:31-10:00", "UTC", "requested"],
  ["22:00-09:31", "UTC", "quiet"],
  ["22:00-09:30", "UTC", "requested"],
  ["18:00-19:00", "Asia/Tokyo", "quiet"],
  ["09:00-10:00", "Asia/Tokyo", "requested"],
  ["00:00-05:00", "America/New_York", "quiet"],
])("scheduleTraining() heeds quiet hours %s in %s: %s", async (hours, timeZone, decision) => {
  const { look } = await openSchedule();

  expect(await look({ quietHours: parseQuietHours(hours), timeZone })).toEqual([decision]);
});

test("scheduleTraining() says that it failed when fine-tuning is switched off", async () => {
  const { request, lines } = await openSchedule();

  const settings = { intervalDays: 7, timeZone: "UTC" };
  const [looked] = await scheduleTraining({ ...request, isEnabled: false }, settings, sha256);

  expect(looked?.decision).toBe("failed");
  expect(lines).toContainEqual(expect.objectContaining({ event: "training.not-scheduled" }));
});

test("scheduleTraining() has nothing to decide when nobody has chatted", async () => {
  const { look } = await openSchedule({ liked: 0 });

  expect(await look()).toEqual([]);
});
