import { Hono } from "hono";
import type { AppState } from "./api-records.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import type { PersonEnv } from "./identify.ts";

export function stateRoutes(parts: DashboardParts): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  app.get("/state", async (context) => {
    const { isAdmin } = context.var.person;
    return context.json({ ...(await parts.readState()), person: { isAdmin } } satisfies AppState);
  });
  return app;
}

/** For supervisors and load balancers: alive means that the process answers, ready that it can answer messages. */
export function healthRoutes(parts: DashboardParts): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ isAlive: true }));
  app.get("/readyz", async (context) => {
    const why = await parts.readUnready();
    return why === undefined ? context.json({ isReady: true }) : context.json({ isReady: false, why }, 503);
  });
  return app;
}
