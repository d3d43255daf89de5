import { expect, onTestFinished, test } from "vitest";
import type { AdapterView, ReadinessView } from "#dashboard/api-records.ts";
import { type ApiClient, apiClient } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, scopeOf, type WorldOptions } from "../../fixtures/dashboard/open-world.ts";
import { SCRIPTED_BASE } from "../../fixtures/dashboard/scripted-engine.ts";

async function openPair(options: WorldOptions = {}) {
  const world = await openWorld({ examplesMin: 1, trainingStepMs: 1, ...options });
  onTestFinished(() => world.close());
  return { world, ana: apiClient(world.url) };
}

async function makeReady(ana: ApiClient): Promise<void> {
  for (const question of ["How do I return an order?", "Where is my refund?"]) {
    const turn = await ana.ask(question);
    await ana.put(`/api/turns/${turn.id}/feedback`, { score: 5 });
  }
}

async function readSupport(ana: ApiClient): Promise<ReadinessView | undefined> {
  const { readiness } = (await ana.get("/api/readiness")).body;
  return readiness.find((view: ReadinessView) => view.domain === "support");
}

async function train(ana: ApiClient): Promise<string> {
  await makeReady(ana);
  const { body } = await ana.post("/api/training", { domain: "support" });
  await expect
    .poll(async () => (await ana.get(`/api/runs/${body.run.id}`)).body.run.hasEnded, { timeout: 10_000 })
    .toBe(true);
  return body.run.id;
}

test("GET /api/readiness tells each domain and the whole, with what is missing", async () => {
  const { ana } = await openPair();

  const { readiness } = (await ana.get("/api/readiness")).body;

  const domains = readiness.map((view: ReadinessView) => view.domain).toSorted();
  expect(domains).toEqual(["*", "general", "legal", "support", "technical"]);
  expect(readiness[0]).toMatchObject({ light: "red", service: { isDormant: false, canRollBack: false } });
  expect(readiness[0].missing.length).toBeGreaterThan(0);
});

test("POST /api/training refuses a domain that is not ready, and one that is unknown", async () => {
  const { ana } = await openPair();

  expect(await ana.post("/api/training", { domain: "support" })).toMatchObject({
    status: 409,
    body: { code: "NOT_READY" },
  });
  expect((await ana.post("/api/training", {})).status).toBe(400);
});

test("POST /api/training runs, tells its log and figures, and puts the result into service", async () => {
  const { ana } = await openPair();
  const live = await ana.listen();

  const runId = await train(ana);

  await live.next((event) => event.kind === "run");
  const { run, events, figures } = (await ana.get(`/api/runs/${runId}`)).body;
  expect(run).toMatchObject({ domain: "support", state: "activated", grade: "B", verdict: expect.any(String) });
  expect(events.some((event: { progress?: { lossTrain?: number } }) => event.progress?.lossTrain !== undefined)).toBe(
    true,
  );
  expect(figures.length).toBeGreaterThan(0);
  expect(await readSupport(ana)).toMatchObject({ service: { adapter: { name: run.adapter.name }, canRollBack: true } });
  expect((await ana.ask("Will my order come?")).adapter?.name).toBe(run.adapter.name);
  live.close();
});

test("GET /api/runs/:id tells only what came after the named line", async () => {
  const { ana } = await openPair();
  const runId = await train(ana);
  const all = (await ana.get(`/api/runs/${runId}`)).body.events;

  const rest = (await ana.get(`/api/runs/${runId}?after=${all[1].sequence}`)).body.events;

  expect(rest).toEqual(all.slice(2));
  expect((await ana.get(`/api/runs/${runId}?after=-1`)).status).toBe(400);
});

test("POST /api/runs/:id/cancel ends a running training once", async () => {
  const { ana } = await openPair({ trainingStepMs: 30 });
  await makeReady(ana);
  const { run } = (await ana.post("/api/training", { domain: "support" })).body;
  expect((await readSupport(ana))?.activeRunId).toBe(run.id);

  expect((await ana.post(`/api/runs/${run.id}/cancel`)).body).toEqual({ isCancelled: true });

  await expect.poll(async () => (await ana.get(`/api/runs/${run.id}`)).body.run.state).toBe("cancelled");
  expect((await ana.post(`/api/runs/${run.id}/cancel`)).body).toEqual({ isCancelled: false });
});

test("POST /api/domains/:domain/rollback brings the base model back, and activate the adapter", async () => {
  const { ana } = await openPair();
  await train(ana);
  const [adapter] = (await ana.get("/api/adapters")).body.adapters as AdapterView[];
  expect(adapter).toMatchObject({ state: "active", canActivate: false });

  expect((await ana.post("/api/domains/support/rollback")).status).toBe(200);
  expect((await ana.ask("Where is my order now?")).adapter).toBeUndefined();
  expect((await ana.post("/api/domains/support/rollback")).status).toBe(404);

  expect((await ana.post(`/api/adapters/${adapter?.digest}/activate`)).status).toBe(200);
  expect((await ana.get("/api/adapters")).body.adapters[0].state).toBe("active");
});

test("GET /api/adapters calls an adapter of another base model dormant, and refuses to activate it", async () => {
  const { ana, world } = await openPair();
  const digest = "a".repeat(64);
  await world.store.learning.saveAdapter({
    digest,
    name: "reactune-support-20260101-aaaaaaaa",
    baseDigest: "0".repeat(64),
    scope: scopeOf("support"),
    runId: "run-1",
    datasetHash: "d".repeat(64),
    bytes: 10,
    grade: "A",
    state: "candidate",
    createdAtMs: 1,
  });

  const [adapter] = (await ana.get("/api/adapters")).body.adapters;

  expect(SCRIPTED_BASE.digest).not.toBe("0".repeat(64));
  expect(adapter).toMatchObject({ state: "dormant", canActivate: false });
  expect((await ana.post(`/api/adapters/${digest}/activate`)).body.code).toBe("ADAPTER_REFUSED");
});

test("GET /api/cache tells what is kept and how often it helped", async () => {
  const { ana } = await openPair();
  await ana.ask("What is kept?");
  await ana.ask("What is kept?");

  expect((await ana.get("/api/cache")).body.cache).toMatchObject({ entries: 1, exactHits: 1 });
});
