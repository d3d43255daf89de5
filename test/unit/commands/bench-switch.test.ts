import { expect, test } from "vitest";
import { benchSwitch } from "#commands/bench-switch.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { makeAdapterFiles, openTinyEngine } from "../../fixtures/llama/engine-under-test.ts";

test("benchSwitch() asks the domains in turns, each twice", async () => {
  const [engine, adapters] = [await openTinyEngine({ adaptersLoadedMax: 3 }), await makeAdapterFiles()];
  const asked: string[] = [];
  const roles = new Set<string>();
  const watched: InferenceEngine = {
    list: () => engine.list(),
    prepare: (request) => engine.prepare(request),
    release: (digest) => engine.release(digest),
    health: () => engine.health(),
    generate: (request) => {
      asked.push(request.adapter?.digest ?? "base");
      roles.add(request.messages.map(({ role }) => role).join());
      return engine.generate(request);
    },
  };
  const { signal } = new AbortController();
  const figures = await benchSwitch({
    engine: watched,
    adapters: adapters.good,
    systemPrompt: "Be kind.",
    turnsBefore: 1,
    rounds: 1,
    signal,
  });
  await Promise.all([engine.close(), adapters.remove()]);

  const [a, b, c] = adapters.good.map(({ digest }) => digest);
  expect([...roles]).toEqual(["system,user,assistant,user"]);
  expect(asked).toEqual([a, a, b, b, c, c, a, a, b, b, c, c]);
  expect(figures.switchedMsMedian).toBeGreaterThan(0);
  expect(figures.switchMs).toBeLessThan(figures.switchedMsMedian);
  expect(figures.stayedMsMedian).toBeGreaterThan(0);
});
