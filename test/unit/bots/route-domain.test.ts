import { expect, test } from "vitest";
import { createDomainRouter } from "#bots/route-domain.ts";
import type { Embedder } from "#inference/embedder.ts";

const DOMAINS = [
  { id: "support", description: "", keywords: ["refund"], examples: ["east"] },
  { id: "technical", description: "", keywords: ["python"], examples: ["north"] },
  { id: "general", description: "", keywords: [], examples: [] },
] as const;
const SETTINGS = { similarityMin: 0.8, marginMin: 0.1 };

/** Texts are directions, so that nearness is easy to see. */
const VECTORS = new Map([
  ["east", [1, 0]],
  ["north", [0, 1]],
  ["almost east", [0.98, 0.2]],
  ["north-east", [0.71, 0.7]],
  ["west", [-1, 0]],
  ["my refund goes north", [0, 1]],
]);
const compass: Embedder = {
  describe: () => ({ id: "compass", digest: "c", dimensions: 2, languages: ["en"] }),
  embed: async (texts) => texts.map((text) => Float32Array.from(VECTORS.get(text) ?? [0, 0])),
};

test("route() takes the domain of the question's words, whatever its meaning is near to", async () => {
  const router = await createDomainRouter(DOMAINS, compass, SETTINGS);

  expect(await router.route("my refund goes north")).toMatchObject({ domain: "support", by: "keywords", score: 1 });
});

test("route() takes the nearest domain when no word tells", async () => {
  const router = await createDomainRouter(DOMAINS, compass, SETTINGS);

  expect(await router.route("almost east", "technical")).toMatchObject({ domain: "support", by: "similarity" });
});

test.each(["north-east", "west"])(
  "route() stays with the conversation's domain when %s is near to none alone",
  async (question) => {
    const router = await createDomainRouter(DOMAINS, compass, SETTINGS);

    expect(await router.route(question, "technical")).toMatchObject({ domain: "technical", by: "conversation" });
  },
);

test("route() is general when nothing tells", async () => {
  const router = await createDomainRouter(DOMAINS, compass, SETTINGS);

  expect(await router.route("west")).toMatchObject({ domain: "general", by: "default", score: 0 });
});

test("route() goes by words alone when there is no embedder", async () => {
  const router = await createDomainRouter(DOMAINS, undefined, SETTINGS);

  expect((await router.route("Python?")).domain).toBe("technical");
  expect((await router.route("almost east")).domain).toBe("general");
});
