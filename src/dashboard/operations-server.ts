import { once } from "node:events";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";

/** What supervisors ask of any process, with or without pages. */
export interface OperationsParts {
  /** Undefined when messages can be answered; else why not, in words. */
  readUnready(): Promise<string | undefined>;
  /** What works worse for now although messages are answered ("Redis is away: no cache"); undefined when all is well. */
  describeProblem(): string | undefined;
  readMetrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface OperationsServer {
  /** With the port that was taken. */
  readonly url: string;
  close(): Promise<void>;
}

/** For supervisors and load balancers: alive means that the process answers, ready that it can answer messages. */
export function operationsRoutes(parts: OperationsParts): Hono {
  const app = healthRoutes(parts);
  app.get("/metrics", async (context) => {
    const { contentType, text } = await parts.readMetrics();
    return context.body(text, 200, { "Content-Type": contentType });
  });
  return app;
}

export function healthRoutes({
  readUnready,
  describeProblem,
}: Pick<OperationsParts, "readUnready" | "describeProblem">): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ isAlive: true }));
  app.get("/readyz", async (context) => {
    const why = await readUnready();
    if (why !== undefined) return context.json({ isReady: false, why }, 503);
    const problem = describeProblem();
    return context.json({ isReady: true, ...(problem === undefined ? {} : { problem }) });
  });
  return app;
}

/** It gives away figures and no words, changes nothing, and asks for no name: supervisors come by address. Port 0 takes a free one. */
export async function listenForSupervisors(
  parts: OperationsParts,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<OperationsServer> {
  const app = operationsRoutes(parts);
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  const taken = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${taken}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await closed;
    },
  };
}
