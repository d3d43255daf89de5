import { Hono } from "hono";
import type { CacheView, RunDetails } from "./api-records.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import { notFound } from "./http-refusal.ts";
import { type PersonEnv, requireAdmin } from "./identify.ts";
import { type LearningSnapshot, viewAdapter, viewReadiness, viewRun } from "./learning-view.ts";
import { readBody, readQuery } from "./read-request.ts";
import { emptyRequest, runQuery, runsQuery, trainingRequest } from "./request-schemas.ts";

/** Runs looked through for those under way. */
const RUNS_READ = 100;
/** Lines of a run's log in one answer. */
const EVENTS_PAGE = 500;

/** What an admin sees and does: readiness, training, adapters, cache. */
export function learningRoutes(parts: DashboardParts): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  app.use(requireAdmin());

  app.get("/readiness", async (context) => {
    const [domains, snapshot] = await Promise.all([parts.readReadiness(), readSnapshot(parts)]);
    return context.json({ readiness: domains.map((domain) => viewReadiness(domain, snapshot)) });
  });

  app.post("/training", async (context) => {
    const { domain } = await readBody(context, trainingRequest);
    const run = await parts.requestTraining(domain, context.var.person.personId);
    return context.json({ run: viewRun(run, []) }, 202);
  });

  app.get("/runs", async (context) => {
    const [runs, adapters] = await Promise.all([
      parts.learning.listRuns(readQuery(context, runsQuery)),
      parts.learning.listAdapters(),
    ]);
    return context.json({ runs: runs.map((run) => viewRun(run, adapters)) });
  });

  app.get("/runs/:id", async (context) => {
    const id = context.req.param("id");
    const { after } = readQuery(context, runQuery);
    const run = await parts.learning.findRun(id);
    if (run === undefined) throw notFound("training run", id);
    const [events, adapters, figures] = await Promise.all([
      parts.learning.listRunEvents(id, after, EVENTS_PAGE),
      parts.learning.listAdapters(),
      parts.readRunFigures(id),
    ]);
    const hasMore = events.length === EVENTS_PAGE;
    return context.json({ run: viewRun(run, adapters), events, hasMore, figures } satisfies RunDetails);
  });

  app.post("/runs/:id/cancel", async (context) => {
    await readBody(context, emptyRequest);
    const id = context.req.param("id");
    if ((await parts.learning.findRun(id)) === undefined) throw notFound("training run", id);
    return context.json({ isCancelled: await parts.cancelRun(id, context.var.person.personId) });
  });

  app.get("/adapters", async (context) => {
    const snapshot = await readSnapshot(parts);
    return context.json({ adapters: snapshot.adapters.map((adapter) => viewAdapter(adapter, snapshot)) });
  });

  app.post("/adapters/:digest/activate", async (context) => {
    await readBody(context, emptyRequest);
    await parts.activateAdapter(context.req.param("digest"), context.var.person.personId);
    return context.json({});
  });

  app.post("/domains/:domain/rollback", async (context) => {
    await readBody(context, emptyRequest);
    await parts.rollBack(context.req.param("domain"), context.var.person.personId);
    return context.json({});
  });

  app.get("/cache", async (context) => {
    return context.json({ cache: (await parts.cache.stats()) satisfies CacheView });
  });

  return app;
}

async function readSnapshot(parts: DashboardParts): Promise<LearningSnapshot> {
  const [adapters, services, runs, state] = await Promise.all([
    parts.learning.listAdapters(),
    parts.learning.listServices(),
    parts.learning.listRuns({ limit: RUNS_READ }),
    parts.readState(),
  ]);
  return { adapters, services, runs, baseDigest: state.model.digest };
}
