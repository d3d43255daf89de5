import { expect, test } from "vitest";
import { AdapterRefusedError } from "#core/errors.ts";
import { activateAdapter, openKnownAdapter } from "#trainer/activate-adapter.ts";
import { readReadiness } from "#trainer/read-readiness.ts";
import { forgetTurns, withdrawAdapters } from "#trainer/withdraw-adapters.ts";
import { openTrainingWorld, THRESHOLDS } from "./training-world.ts";

const ACT = { by: "ana", reason: "somebody had their data erased" };

async function openWithdrawal(liked = 6) {
  const world = await openTrainingWorld({ liked });
  const { learning } = world.store;
  const parts = { ...world.request, files: world.files };
  return {
    ...world,
    parts,
    learning,
    service: () => learning.getService(world.scope),
    withdraw: (...turnIds: readonly string[]) => withdrawAdapters(parts, world.scope.workspaceId, turnIds, ACT),
    forget: (...turnIds: readonly string[]) => forgetTurns(parts, world.scope.workspaceId, turnIds, ACT),
    /** An adapter in service that learned from these turns. */
    async serve(
      name: string,
      sourceTurnIds: readonly string[],
      state: "activated" | "waiting-for-approval" = "activated",
    ) {
      const hash = name.repeat(64).slice(0, 64);
      await learning.saveDataset({
        hash,
        scope: world.scope,
        createdAtMs: 1,
        days: 30,
        train: 1,
        valid: 0,
        negatives: 0,
        pairs: 0,
        liked: 1,
        corrected: 0,
        servedAgain: 0,
        dropped: [],
        sourceTurnIds,
      });
      const digest = await world.makeAdapter(`GGUF ${name}`, { datasetHash: hash, runId: `run-${name}` });
      await world.queueRun({ id: `run-${name}`, state, adapterDigest: digest, datasetHash: hash, endedAtMs: 2 });
      if (state === "activated") await activateAdapter(world.activate, world.serving, digest, ACT);
      return digest;
    },
  };
}

test("withdrawAdapters() puts the newest adapter back that did not see the words, and moves open conversations", async () => {
  const world = await openWithdrawal();
  const clean = await world.serve("a", ["other"]);
  const middle = await world.serve("b", ["erased"]);
  const active = await world.serve("c", ["erased", "other"]);
  await world.serve("d", ["other"], "waiting-for-approval");

  const { adapters } = await world.withdraw("erased");

  expect(adapters.map(({ digest }) => digest).toSorted()).toEqual([middle, active].toSorted());
  const service = await world.service();
  expect(service).toMatchObject({ active: clean, changedBy: "ana" });
  expect(service).not.toHaveProperty("previous");
  expect(service?.movedEpoch).toBe(service?.epoch);
});

test("withdrawAdapters() lets the base model answer when every adapter saw the words", async () => {
  const world = await openWithdrawal();
  await world.serve("a", ["erased"]);

  await world.withdraw("erased");

  expect(await world.service()).not.toHaveProperty("active");
});

test("withdrawAdapters() leaves nothing of it to load, to activate or to roll back to", async () => {
  const world = await openWithdrawal();
  const old = await world.serve("a", ["erased"]);
  const active = await world.serve("b", ["other"]);

  await world.withdraw("erased");

  const service = await world.service();
  expect(service).toMatchObject({ active });
  expect(service).not.toHaveProperty("previous");
  expect(await world.files.has(old)).toBe(false);
  expect(await world.files.has(active)).toBe(true);
  await expect(activateAdapter(world.activate, world.serving, old, ACT)).rejects.toThrow(AdapterRefusedError);
  await expect(openKnownAdapter(world.activate, world.serving.base, old)).rejects.toThrow("was withdrawn");
});

test("withdrawAdapters() changes nothing when nobody learned from the words, or in another workspace", async () => {
  const world = await openWithdrawal();
  const active = await world.serve("a", ["other"]);

  expect(await world.withdraw("erased")).toEqual({ adapters: [], runsCancelled: [], scopes: [] });
  await withdrawAdapters(world.parts, "discord:1", ["other"], ACT);

  expect(await world.service()).toMatchObject({ active, epoch: 1 });
});

test("withdrawAdapters() finishes what a kill left when it is asked again", async () => {
  const world = await openWithdrawal();
  const digest = await world.serve("a", ["erased"]);
  const adapter = await world.learning.findAdapter(digest);
  if (adapter === undefined) throw new Error("There is no adapter");
  await world.learning.saveAdapter({ ...adapter, state: "retired" });

  await world.withdraw("erased");

  expect(await world.service()).not.toHaveProperty("active");
  expect(await world.files.has(digest)).toBe(false);
});

test("withdrawAdapters() cancels a run that holds the words or may have read them, and no other", async () => {
  const world = await openWithdrawal();
  await world.serve("a", ["erased"], "waiting-for-approval");
  const others = { workspaceId: world.scope.workspaceId, audience: "public" };
  await world.queueRun({ id: "reads", state: "collecting", scope: { ...others, domain: "legal" } });
  await world.queueRun({ id: "waits", state: "queued", scope: { ...others, domain: "general" } });
  const hash = "a".repeat(64);
  await world.queueRun({
    id: "holds",
    state: "training",
    datasetHash: hash,
    scope: { ...others, domain: "technical" },
  });
  for (const id of ["reads", "holds"]) {
    const queued = { id, kind: "train", key: id, payload: {}, priority: 0, attemptsMax: 1 };
    await world.request.jobs.enqueue(queued);
  }

  const { runsCancelled, scopes } = await world.withdraw("erased");

  expect(runsCancelled.map(({ id }) => id).toSorted()).toEqual(["holds", "reads"]);
  expect(scopes.map(({ domain }) => domain).toSorted()).toEqual(["legal", "support", "technical"]);
  expect(await world.learning.findRun("waits")).toMatchObject({ state: "queued" });
  expect(await world.learning.findRun("holds")).toMatchObject({ state: "cancelled" });
});

test("forgetTurns() queues a retraining when readiness allows, although nothing new was liked since", async () => {
  const world = await openWithdrawal();
  await world.serve("a", ["erased"]);
  const settings = { thresholds: THRESHOLDS, days: 30 };
  const light = async () => (await readReadiness(world.learning, world.scope, settings, world.clock.nowMs)).light;
  expect(await light()).not.toBe("green");

  const { requested, waiting } = await world.forget("erased");

  expect(await light()).toBe("green");
  expect(requested).toMatchObject([{ state: "queued", requestedBy: "forgetting", scope: world.scope }]);
  expect(waiting).toEqual([]);
});

test("forgetTurns() says what waits when too little is left to learn from", async () => {
  const world = await openWithdrawal(1);
  await world.serve("a", ["erased"]);

  expect(await world.forget("erased")).toMatchObject({ requested: [], waiting: [world.scope] });
});
