import { writeFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import { AdapterNotFoundError, AdapterRefusedError, ServiceConflictError } from "#core/errors.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { activateAdapter, listAdapters, openKnownAdapter, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { makeAdapterFiles, openTinyEngine, TINY_MODEL } from "../../fixtures/llama/engine-under-test.ts";
import { openTrainingWorld } from "./training-world.ts";

const ACT = { by: "operator", reason: "better" };
const OTHER_BASE = "0".repeat(64);

async function openWorld() {
  const world = await openTrainingWorld({ liked: 0 });
  return {
    ...world,
    activateIt: (digest: string, engine: InferenceEngine = world.serving.engine) =>
      activateAdapter(world.activate, { ...world.serving, engine }, digest, ACT),
    rollBack: () => rollBackAdapter(world.activate, world.scope, ACT),
    service: () => world.store.learning.getService(world.scope),
  };
}

test("activateAdapter() puts an adapter into service, tells everybody and leaves an audit entry", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  const hints: unknown[] = [];
  world.activate.events.subscribe(["service.changed"], (hint) => hints.push(hint));

  const service = await world.activateIt(digest);

  expect(service).toMatchObject({
    active: digest,
    epoch: 1,
    baseDigest: world.serving.base.digest,
    changedBy: "operator",
  });
  expect(await world.service()).toEqual(service);
  expect(hints).toMatchObject([{ kind: "service.changed" }]);
  expect(await world.store.people.listAudit(10)).toMatchObject([{ who: "operator", before: "base", after: digest }]);
});

test("activateAdapter() loads the adapter and has a warm-up prompt answered before the record changes", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  const seen: unknown[] = [];
  const engine: InferenceEngine = {
    ...world.serving.engine,
    async prepare({ adapter }) {
      seen.push(adapter?.digest, await world.service());
    },
    generate(request) {
      seen.push(request.adapter?.digest);
      return world.serving.engine.generate(request);
    },
  };

  await world.activateIt(digest, engine);

  expect(seen).toEqual([digest, undefined, digest]);
});

test("activateAdapter() changes nothing when the adapter is in service already", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  await world.activateIt(digest);

  expect((await world.activateIt(digest)).epoch).toBe(1);
  expect(await world.store.people.listAudit(10)).toHaveLength(1);
});

test("activateAdapter() rejects with AdapterNotFoundError when the store does not know the digest, or its file is gone", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  await world.files.remove(digest);

  await expect(world.activateIt("f".repeat(64))).rejects.toThrow(AdapterNotFoundError);
  await expect(world.activateIt(digest)).rejects.toThrow(AdapterNotFoundError);
});

test.each([
  ["it was rejected", { state: "rejected", grade: "E" }, "graded E"],
  ["it belongs to another base", { baseDigest: OTHER_BASE }, "another base model"],
] as const)("activateAdapter() refuses an adapter when %s", async (_, changes, words) => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one", changes);

  const error = await world.activateIt(digest).catch((cause: unknown) => cause);

  expect(error).toBeInstanceOf(AdapterRefusedError);
  expect(error).toMatchObject({ message: expect.stringContaining(words) });
  expect(await world.service()).toBeUndefined();
});

test("activateAdapter() refuses a file that was tampered with before any engine sees it", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  await writeFile((await world.files.open(digest))?.path ?? "", "GGUF of somebody else");
  let loads = 0;
  const prepare = async () => {
    loads++;
  };

  await expect(world.activateIt(digest, { ...world.serving.engine, prepare })).rejects.toThrow(AdapterRefusedError);
  expect(loads).toBe(0);
});

test("activateAdapter() refuses an adapter that answers the warm-up prompt with nothing", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF of numbers that are none");

  const mute = scriptedEngine(() => ({ text: " \n" }));

  await expect(world.activateIt(digest, mute)).rejects.toThrow(/warm-up prompt with nothing/);
  expect(await world.service()).toBeUndefined();
});

test("activateAdapter() puts a real adapter into service on a real engine, and refuses a truncated one", async () => {
  const world = await openWorld();
  const adapters = await makeAdapterFiles();
  onTestFinished(() => adapters.remove());
  const engine = await openTinyEngine();
  onTestFinished(() => engine.close());
  const [base] = await engine.list();
  if (base === undefined) throw new Error(`There is no model at ${TINY_MODEL}`);
  const record = async (path: string) => {
    const { digest, bytes } = await world.files.put(path);
    const known = {
      digest,
      bytes,
      name: digest.slice(0, 8),
      baseDigest: base.digest,
      scope: world.scope,
      runId: "run-1",
    };
    await world.store.learning.saveAdapter({
      ...known,
      datasetHash: "d".repeat(64),
      grade: "B",
      state: "candidate",
      createdAtMs: 1,
    });
    return digest;
  };
  const good = await record(adapters.good[0]?.path ?? "");
  const truncated = await record(adapters.bad.get("truncated")?.path ?? "");

  expect(await activateAdapter(world.activate, { engine, base }, good, ACT)).toMatchObject({ active: good });
  const refused = activateAdapter(world.activate, { engine, base }, truncated, ACT);
  await expect(refused).rejects.toThrow(AdapterRefusedError);
  expect(await world.service()).toMatchObject({ active: good, epoch: 1 });
});

test("activateAdapter() keeps both changes when somebody else was faster", async () => {
  const world = await openWorld();
  const one = await world.makeAdapter("GGUF one");
  const two = await world.makeAdapter("GGUF two");
  let races = 0;
  const learning = {
    ...world.store.learning,
    async compareAndSetService(...given: Parameters<typeof world.store.learning.compareAndSetService>) {
      if (races++ === 0) await world.activateIt(two);
      return world.store.learning.compareAndSetService(...given);
    },
  };

  const service = await activateAdapter({ ...world.activate, learning }, world.serving, one, ACT);

  expect(service).toMatchObject({ active: one, previous: two, epoch: 2 });
});

test("activateAdapter() rejects with ServiceConflictError when others are always faster", async () => {
  const world = await openWorld();
  const digest = await world.makeAdapter("GGUF one");
  let tries = 0;
  const compareAndSetService = async () => {
    tries++;
    return false;
  };
  const learning = { ...world.store.learning, compareAndSetService };

  const activating = activateAdapter({ ...world.activate, learning }, world.serving, digest, ACT);

  await expect(activating).rejects.toThrow(ServiceConflictError);
  expect(tries).toBe(5);
  expect(await world.store.people.listAudit(10)).toEqual([]);
});

test("rollBackAdapter() puts the adapter before back, then the base, and then has nothing to put back", async () => {
  const world = await openWorld();
  const [one, two] = [await world.makeAdapter("GGUF one"), await world.makeAdapter("GGUF two")];
  await world.activateIt(one);
  await world.activateIt(two);

  expect(await world.rollBack()).toMatchObject({ active: one, epoch: 3, movedEpoch: 3 });
  expect((await world.rollBack()).active).toBeUndefined();
  await expect(world.rollBack()).rejects.toThrow(AdapterNotFoundError);
});

test("rollBackAdapter() goes to the base when the adapter before belongs to another base", async () => {
  const world = await openWorld();
  const dormant = await world.makeAdapter("GGUF of the old base", { baseDigest: OTHER_BASE });
  const old = { ...world.serving, base: { ...world.serving.base, digest: OTHER_BASE } };
  await activateAdapter(world.activate, old, dormant, ACT);
  await world.activateIt(await world.makeAdapter("GGUF one"));

  expect((await world.rollBack()).active).toBeUndefined();
});

test("openKnownAdapter() refuses what this store did not make", async () => {
  const world = await openWorld();
  const stranger = await world.files.put(TINY_MODEL);

  await expect(openKnownAdapter(world.activate, world.serving.base, stranger.digest)).rejects.toThrow(
    AdapterRefusedError,
  );
});

test("listAdapters() derives what each adapter is from what is in service", async () => {
  const world = await openWorld();
  const active = await world.makeAdapter("GGUF active");
  await world.makeAdapter("GGUF waiting");
  await world.makeAdapter("GGUF worse", { state: "rejected" });
  await world.makeAdapter("GGUF of another base", { baseDigest: OTHER_BASE });
  await world.activateIt(active);

  const states = (await listAdapters(world.store.learning, world.serving.base.digest)).map(({ state }) => state);
  expect(states).toEqual(["dormant", "rejected", "candidate", "active"]);
});
