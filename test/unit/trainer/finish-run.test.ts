import { expect, test } from "vitest";
import { InferenceUnavailableError, NotReadyError, TrainingUnavailableError } from "#core/errors.ts";
import { finishRun, giveUpRun } from "#trainer/finish-run.ts";
import { scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";
import { openTrainingWorld } from "./training-world.ts";

async function openJudged() {
  const world = await openTrainingWorld({ liked: 0 });
  const digest = await world.makeAdapter("GGUF judged");
  const judged = { state: "activating", adapterDigest: digest, grade: "B", verdict: "Grade B: better" } as const;
  await world.queueRun(judged);
  let opened = 0;
  const openServing = async () => {
    opened++;
    return world.serving;
  };
  return {
    ...world,
    digest,
    openServing,
    opened: () => opened,
    finish: (promotion: "auto" | "ask" = "auto") => finishRun(world.activate, openServing, "run-1", promotion),
    service: () => world.store.learning.getService(world.scope),
  };
}

test("finishRun() puts an accepted adapter into service", async () => {
  const { finish, service, digest } = await openJudged();

  expect(await finish()).toMatchObject({ state: "activated", verdict: "Grade B: better" });
  expect(await service()).toMatchObject({ active: digest, changedBy: "operator" });
});

test("finishRun() changes nothing when it is done twice", async () => {
  const { finish, service } = await openJudged();
  const first = await finish();

  expect(await finish()).toEqual(first);
  expect((await service())?.epoch).toBe(1);
});

test("finishRun() ends a run that a kill stopped between the service's record and its own", async () => {
  const { finish, service, activate } = await openJudged();
  const learning = {
    ...activate.learning,
    saveRun: async () => {
      throw new Error("kill -9");
    },
  };
  const killed = finishRun({ ...activate, learning }, (await openJudged()).openServing, "run-1", "auto");
  await expect(killed).rejects.toThrow("kill -9");
  expect((await service())?.epoch).toBe(1);

  expect(await finish()).toMatchObject({ state: "activated" });
  expect((await service())?.epoch).toBe(1);
});

test("finishRun() leaves the adapter waiting for a person, with the command, when promotion asks", async () => {
  const { finish, service, digest, opened } = await openJudged();

  const run = await finish("ask");

  expect(run.state).toBe("waiting-for-approval");
  expect(run.verdict).toContain(`reactune adapters activate ${digest.slice(0, 12)}`);
  expect(await service()).toBeUndefined();
  expect(opened()).toBe(0);
});

test("finishRun() leaves the adapter waiting, and says why, when the engine that answers takes none now", async () => {
  for (const [adapters, wanted] of [
    ["never", /Grade B: better\. .*takes no adapters, so the base goes on answering.*reactune adapters activate/],
    ["at-start", /only when it starts: start it with --lora \S+ .*reactune adapters activate/],
  ] as const) {
    const { activate, serving, service } = await openJudged();
    const base = { ...serving.base, adapters };
    const run = await finishRun(activate, async () => ({ ...serving, base }), "run-1", "auto");

    expect(run.state).toBe("waiting-for-approval");
    expect(run.verdict).toMatch(wanted);
    expect(await service()).toBeUndefined();
  }
});

test("finishRun() ends the run as failed and leaves what is in service when the engine refuses the adapter", async () => {
  const { activate, serving, service } = await openJudged();
  const mute = { ...serving, engine: scriptedEngine(() => ({ text: "" })) };

  const run = await finishRun(activate, async () => mute, "run-1", "auto");

  expect(run).toMatchObject({ state: "failed", error: { code: "ADAPTER_REFUSED" } });
  expect(await service()).toBeUndefined();
});

test("finishRun() rejects, to be tried again, when the engine has a bug", async () => {
  const { activate, store } = await openJudged();

  const finishing = finishRun(activate, () => Promise.reject(new TypeError("not a function")), "run-1", "auto");

  await expect(finishing).rejects.toThrow(TypeError);
  expect((await store.learning.findRun("run-1"))?.state).toBe("activating");
});

test("finishRun() rejects and leaves a judged adapter to be put into service later when the engine is away", async () => {
  const { activate, finish, store } = await openJudged();
  const openAway = () => Promise.reject(new InferenceUnavailableError("Ollama"));

  const finishing = finishRun(activate, openAway, "run-1", "auto");

  await expect(finishing).rejects.toThrow(InferenceUnavailableError);
  expect((await store.learning.findRun("run-1"))?.state).toBe("activating");
  expect(await finish()).toMatchObject({ state: "activated" });
});

test("finishRun() leaves a run alone that has nothing to put into service", async () => {
  const { finish, queueRun, opened } = await openJudged();
  const rejected = await queueRun({ state: "rejected" });

  expect(await finish()).toEqual(rejected);
  expect(opened()).toBe(0);
});

test("finishRun() rejects when the run is not in the store", async () => {
  const { activate, openServing } = await openJudged();

  await expect(finishRun(activate, openServing, "run-2", "auto")).rejects.toThrow(TrainingUnavailableError);
});

test("giveUpRun() ends a run with the words of its failure", async () => {
  const { activate, store, queueRun } = await openJudged();
  await queueRun({ state: "training" });

  await giveUpRun(activate, "run-1", new NotReadyError("support", "red"));

  expect(await store.learning.findRun("run-1")).toMatchObject({
    state: "failed",
    endedAtMs: expect.any(Number),
    error: { code: "NOT_READY", hint: "Run `reactune readiness` to see what is missing" },
  });
});

test("giveUpRun() says that it was unexpected when the failure was a bug", async () => {
  const { activate, store, queueRun } = await openJudged();
  await queueRun({ state: "training" });

  await giveUpRun(activate, "run-1", new TypeError("not a function"));

  expect(await store.learning.findRun("run-1")).toMatchObject({
    error: { code: "UNEXPECTED", message: "not a function" },
  });
});

test("giveUpRun() leaves a run alone that had ended", async () => {
  const { activate, store, queueRun } = await openJudged();
  const activated = await queueRun({ state: "activated" });

  await giveUpRun(activate, "run-1", new Error("too late"));

  expect(await store.learning.findRun("run-1")).toEqual(activated);
});
