import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer, type ServerType } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { ApiError } from "./api-records.ts";
import { chatRoutes } from "./chat-routes.ts";
import { commandRoutes } from "./command-routes.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import { type EventStreams, eventRoutes } from "./event-routes.ts";
import { guardRequests, secureResponses } from "./guard-requests.ts";
import { HttpRefusal, statusOf } from "./http-refusal.ts";
import { identify, type PersonEnv } from "./identify.ts";
import { learningRoutes } from "./learning-routes.ts";
import { healthRoutes } from "./operations-server.ts";
import { replayRoutes } from "./replay-routes.ts";
import { setupRoutes } from "./setup-routes.ts";
import { stateRoutes } from "./state-routes.ts";
import { staticPages } from "./static-pages.ts";

const BODY_BYTES_MAX = 1_000_000;

export interface Dashboard {
  readonly app: Hono;
  /** Port 0 takes a free one. Rejects when the address is taken or not of this machine. */
  listen(host: string, port: number): Promise<Listening>;
}

export interface Listening {
  /** With the port that was taken. */
  readonly url: string;
  /** Ends live streams and waits for what is being answered. */
  close(): Promise<void>;
}

/** The one HTTP server of the program: API, live events and pages. */
export function createDashboard(parts: DashboardParts): Dashboard {
  const streams: EventStreams = new Set();
  const app = new Hono();
  app.onError((error, context) => {
    const { status, body } = describeFailure(error, context.req.path, parts.log);
    return context.json(body, status);
  });
  app.use(secureResponses());
  app.use(guardRequests(parts.hosts));
  app.route("/", healthRoutes(parts));
  app.route("/api", apiRoutes(parts, streams));
  app.route("/", staticPages(parts.pagesDirectory));
  return { app, listen: (host, port) => listen(app, streams, host, port) };
}

function apiRoutes(parts: DashboardParts, streams: EventStreams): Hono<PersonEnv> {
  const api = new Hono<PersonEnv>();
  api.use(bodyLimit({ maxSize: BODY_BYTES_MAX, onError: refuseBody }));
  api.use(identify());
  api.route("/", stateRoutes(parts));
  api.route("/", chatRoutes(parts));
  if (parts.chatCommands !== undefined) api.route("/", commandRoutes(parts, parts.chatCommands));
  api.route("/", eventRoutes(parts, streams));
  // Before the routes that ask for an admin on every address: a refusal says why.
  if (parts.setup !== undefined) api.route("/", setupRoutes(parts.setup));
  if (parts.intakeOf !== undefined) api.route("/", replayRoutes(parts.intakeOf));
  api.route("/", learningRoutes(parts));
  api.all("*", () => {
    const hint = "Compare the address and the method with the documentation";
    throw new HttpRefusal({ status: 404, code: "NOT_FOUND", message: "Cannot find this address of the API", hint });
  });
  return api;
}

function refuseBody(): never {
  throw new HttpRefusal({
    status: 413,
    code: "BODY_TOO_LARGE",
    message: `Cannot read the request: its body is over ${BODY_BYTES_MAX} bytes`,
    hint: "Send less at once",
  });
}

function describeFailure(error: Error, path: string, log: Log) {
  if (error instanceof OperatingError) {
    const body: ApiError = { code: error.code, message: error.message, hint: error.hint };
    return { status: statusOf(error), body };
  }
  // One broken request does not end a program that other people are chatting with.
  log.error({ path, error }, "request.failed");
  const hint = "Look for request.failed in the log and report it";
  const body: ApiError = { code: "INTERNAL", message: "Cannot answer the request: the program has a fault", hint };
  return { status: 500 as const, body };
}

async function listen(app: Hono, streams: EventStreams, host: string, port: number): Promise<Listening> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false });
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address() as AddressInfo;
  return {
    url: `http://${urlHost(host)}:${address.port}`,
    async close() {
      for (const stream of streams) stream.close();
      await closeServer(server);
    },
  };
}

const CLOSE_GRACE_MS = 5000;
const IDLE_LOOK_MS = 25;

/** Browsers keep connections open after the last answer; those are cut as soon as they are idle, the others in the end. */
async function closeServer(server: ServerType): Promise<void> {
  const closed = once(server, "close");
  server.close();
  if (!("closeIdleConnections" in server)) return;
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS);
  const end = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(end);
}

/** What a person on this machine types: `0.0.0.0` is no address to open. */
function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}
