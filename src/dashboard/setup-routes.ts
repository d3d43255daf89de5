import { getConnInfo } from "@hono/node-server/conninfo";
import { Hono, type MiddlewareHandler } from "hono";
import { HttpRefusal } from "./http-refusal.ts";
import { type PersonEnv, requireAdmin } from "./identify.ts";
import { readBody } from "./read-request.ts";
import { setupRequest } from "./request-schemas.ts";
import type { SetupParts } from "./setup-records.ts";

/** Credentials of Discord and Slack, for the operator at this very computer. No answer holds a stored one. */
export function setupRoutes(setup: SetupParts): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  app.use("/setup", requireLoopback(), requireAdmin());
  app.use("/setup/*", requireLoopback(), requireAdmin());
  app.get("/setup", async (context) => context.json(await setup.read()));
  app.post("/setup/test", async (context) => {
    const { values } = await readBody(context, setupRequest);
    return context.json({ tests: await setup.test(values) });
  });
  app.put("/setup", async (context) => {
    const { values } = await readBody(context, setupRequest);
    return context.json(await setup.save(values));
  });
  return app;
}

/** What proxies add: behind one, every connection comes from this computer. */
const PROXY_HEADERS = ["forwarded", "x-forwarded-for", "x-real-ip", "via"] as const;

/** By the address of the connection, which no header can change, and by the name that was asked for. */
export function requireLoopback(): MiddlewareHandler {
  return async (context, next) => {
    const { address = "" } = getConnInfo(context).remote;
    const isProxied = PROXY_HEADERS.some((name) => context.req.header(name) !== undefined);
    if (!isLoopback(address) || isProxied || !isLoopbackName(new URL(context.req.url).hostname)) {
      throw new HttpRefusal({
        status: 403,
        code: "LOOPBACK_REQUIRED",
        message: "Cannot do this from another computer",
        hint: "Open the page on the computer that Reactune runs on, or use its command line",
      });
    }
    await next();
  };
}

function isLoopbackName(hostname: string): boolean {
  return hostname === "localhost" || isLoopback(hostname.replace(/^\[|\]$/g, ""));
}

export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(address);
}
