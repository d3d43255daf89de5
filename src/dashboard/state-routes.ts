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
