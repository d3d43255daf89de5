import { describe, expect, test } from "vitest";
import { LearningNotAllowedError } from "#core/errors.ts";
import type { LearningLevel } from "#core/people.ts";
import { activateAdapter } from "#trainer/activate-adapter.ts";
import { finishRun } from "#trainer/finish-run.ts";
import { readReadiness } from "#trainer/read-readiness.ts";
import { requestTraining } from "#trainer/request-training.ts";
import { scheduleTraining } from "#trainer/schedule-training.ts";
import { openTrainingWorld, sha256, THRESHOLDS } from "./training-world.ts";

const DISCORD = "discord:900";

async function openWorkspace(workspaceId = DISCORD) {
  const world = await openTrainingWorld({ liked: 0, workspaceId });
  const raters = ["ana", "bea", "cid"];
  for (let index = 0; index < 6; index++) world.people.say({ scores: { [raters[index % 3] ?? "ana"]: 5 } });
  await world.people.saveTo(world.store);
  return {
    ...world,
    allow: (level: LearningLevel) =>
      world.store.people.putPermission({ workspaceId, level, grantedBy: "admin", wordingVersion: 1, changedAtMs: 1 }),
    look: () => scheduleTraining(world.request, { intervalDays: 7, timeZone: "UTC" }, sha256),
    ask: () => requestTraining(world.request, world.scope, { by: "admin", isForced: true }),
  };
}

describe("without a workspace's permission", () => {
  test.each<LearningLevel | undefined>([undefined, "off", "examples"])(
    "requestTraining() is refused with what to do, and the schedule asks for nothing, at %s",
    async (level) => {
      const world = await openWorkspace();
      if (level !== undefined) await world.allow(level);

      await expect(world.ask()).rejects.toThrow(LearningNotAllowedError);
      await expect(world.ask()).rejects.toMatchObject({ hint: expect.stringContaining("/learning allow adapters") });
      expect(await world.look()).toMatchObject([{ scope: world.scope, decision: "not-allowed" }]);
      expect(await world.store.learning.listRuns({ limit: 10 })).toEqual([]);
    },
  );

  test("activateAdapter() and finishRun() put nothing into service that was made before it was taken back", async () => {
    const world = await openWorkspace();
    const digest = await world.makeAdapter("GGUF one");
    await world.queueRun({ state: "activating", adapterDigest: digest });

    const act = { by: "admin", reason: "wish" };
    await expect(activateAdapter(world.activate, world.serving, digest, act)).rejects.toThrow(LearningNotAllowedError);
    const run = await finishRun(world.activate, async () => world.serving, "run-1", "auto");

    expect(run).toMatchObject({ state: "cancelled", verdict: expect.stringContaining("no longer allows") });
    expect(await world.store.learning.getService(world.scope)).toBeUndefined();
  });
});

test("a Discord workspace that allows adapters is ready, scheduled and served as the local one is", async () => {
  const world = await openWorkspace();
  await world.allow("adapters");

  expect(await world.store.learning.listScopes()).toEqual([world.scope]);
  const settings = { thresholds: THRESHOLDS, days: 30 };
  expect(await readReadiness(world.store.learning, world.scope, settings, world.clock.nowMs)).toMatchObject({
    light: "green",
  });
  expect(await world.look()).toMatchObject([{ decision: "requested" }]);
  const digest = await world.makeAdapter("GGUF one");
  const service = await activateAdapter(world.activate, world.serving, digest, { by: "admin", reason: "better" });
  expect(service).toMatchObject({ scope: { workspaceId: DISCORD }, active: digest });
});

test("a private channel and a direct message are scopes of their own", async () => {
  const world = await openWorkspace();
  await world.allow("adapters");
  const [first] = (await world.store.learning.pageRatedTurns({ scope: world.scope, sinceMs: 0, limit: 1 })).map(
    ({ turn }) => turn,
  );
  if (first === undefined) throw new Error("There is no turn");
  for (const [visibility, audience] of [
    ["private", "channel:C7"],
    ["direct", "direct:C7"],
  ] as const) {
    const there = { ...first, channelId: "C7", visibility, audience };
    for (let index = 0; index < 4; index++) {
      const id = `${audience}-${index}`;
      await world.store.chat.saveTurn({ ...there, id, conversationId: id });
      const change = { turnId: id, workspaceId: DISCORD, source: "reaction", atMs: 1, score: 5 } as const;
      for (const userId of ["ana", "bea", "cid"]) await world.store.chat.putFeedback({ ...change, userId });
    }
  }

  const decisions = await world.look();

  expect(decisions.map(({ scope, decision }) => [scope.audience, decision]).toSorted()).toEqual([
    ["channel:C7", "requested"],
    ["direct:C7", "requested"],
    ["public", "requested"],
  ]);
});
