import { expect, test } from "vitest";
import { allowLearning, LEARNING_WORDING, readLearning } from "#bots/learning-permission.ts";
import { emptyService } from "#core/service.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";

const SLACK = "slack:T1";

async function openPermission() {
  const world = await openTrainingWorld({ liked: 5, workspaceId: SLACK });
  const hints: unknown[] = [];
  world.request.events.subscribe(["learning.changed"], (hint) => hints.push(hint));
  const allow = (level: "off" | "examples" | "adapters", workspaceId = SLACK) =>
    allowLearning(world.request, { workspaceId, level, by: "admin", nowMs: 77 });
  return { ...world, hints, allow, read: (workspaceId = SLACK) => readLearning(world.store.people, workspaceId) };
}

test("readLearning() says off for Discord and Slack, adapters for the local platform, until somebody decides", async () => {
  const { read } = await openPermission();

  expect(await read()).toEqual({ level: "off" });
  expect(await read("discord:1")).toEqual({ level: "off" });
  expect(await read("local:home")).toEqual({ level: "adapters" });
});

test("allowLearning() records who allowed what, when and in which words, and tells every process", async () => {
  const { allow, read, store, hints } = await openPermission();

  const change = await allow("adapters");

  const permission = { workspaceId: SLACK, level: "adapters", grantedBy: "admin", changedAtMs: 77 };
  const wordingVersion = LEARNING_WORDING.version;
  expect(await read()).toEqual({ level: "adapters", permission: { ...permission, wordingVersion } });
  expect(await store.people.listAudit(5)).toMatchObject([
    {
      who: "admin",
      atMs: 77,
      workspaceId: SLACK,
      before: "off",
      after: "adapters",
      what: expect.stringContaining("wording"),
    },
  ]);
  expect(hints).toEqual([{ kind: "learning.changed", workspaceId: SLACK }]);
  expect(change.text).toContain("was `off` and is now `adapters`");
  expect(await read("slack:T2")).toEqual({ level: "off" });
});

test("allowLearning() cancels the runs of this workspace, and of no other, when it is taken back", async () => {
  const { allow, queueRun, scope, store } = await openPermission();
  await allow("adapters");
  await queueRun({ id: "mine" });
  await queueRun({ id: "theirs", scope: { ...scope, workspaceId: "slack:T2" } });

  const change = await allow("off");

  expect(change.runsCancelled.map(({ id }) => id)).toEqual(["mine"]);
  expect(change.text).toContain("1 training run was cancelled");
  expect(await store.learning.findRun("mine")).toMatchObject({ state: "cancelled" });
  expect(await store.learning.findRun("theirs")).toMatchObject({ state: "queued" });
});

test("allowLearning() keeps what is in service, and says so with how to take it out", async () => {
  const { allow, scope, store } = await openPermission();
  await allow("adapters");
  const service = { ...emptyService(scope), active: "a".repeat(64), epoch: 1 };
  await store.learning.compareAndSetService(service, 0);

  const change = await allow("examples");

  expect(await store.learning.getService(scope)).toEqual(service);
  expect(change.stillServed).toEqual([scope]);
  expect(change.text).toMatch(/stays in service for support.*`\/rollback`/u);
});

test("LEARNING_WORDING says what the platforms restrict, what the admin confirms, and how it ends", () => {
  expect(LEARNING_WORDING.text).toMatch(/Discord and Slack restrict training models on content from their APIs/u);
  expect(LEARNING_WORDING.text).toMatch(/you have the right/u);
  expect(LEARNING_WORDING.text.split("\n\n").map((paragraph) => /^\*\*[^*\n]+\*\* [^\n]+$/u.test(paragraph))).toEqual([
    true,
    true,
    true,
  ]);
  expect(LEARNING_WORDING.text).toMatch(/opt out/u);
  // Discord shows at most 2,000 characters.
  expect(LEARNING_WORDING.text.length).toBeLessThan(1800);
});
