import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboard } from "#dashboard/dashboard.ts";
import { apiClient, sendRaw } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, type World } from "../../fixtures/dashboard/open-world.ts";

let world: World;
let pages: string;
beforeAll(async () => {
  pages = await mkdtemp(join(tmpdir(), "reactune-pages-"));
  await mkdir(join(pages, "assets"));
  await writeFile(join(pages, "index.html"), "<!doctype html><title>Reactune</title>");
  await writeFile(join(pages, "assets", "index-abc123.js"), "export {};");
  await writeFile(join(pages, "secret.txt"), "of no type that is served");
  world = await openWorld({ pagesDirectory: pages });
});
afterAll(async () => {
  await world.close();
  await rm(pages, { recursive: true, force: true });
});

const send = (method: string, path: string, body: string) => sendRaw(world.url, method, path, { body });

test.each([
  ["no JSON", "{", "JSON_INVALID"],
  ["a list", "[]", "REQUEST_INVALID"],
  ["an unknown field", '{"text":"a","clientMessageId":"message-1","isAdmin":true}', "REQUEST_INVALID"],
  ["a bad message id", '{"text":"a","clientMessageId":"../../etc"}', "REQUEST_INVALID"],
  ["a number as text", '{"text":1,"clientMessageId":"message-1"}', "REQUEST_INVALID"],
])("the API refuses %s", async (_name, body, code) => {
  const answer = await send("POST", "/api/messages", body);

  expect(answer.status).toBe(400);
  expect(answer.body).toMatchObject({ code, message: expect.any(String), hint: expect.any(String) });
});

test("the API refuses a body over the limit, its length told or not", async () => {
  const text = "x".repeat(1_100_000);
  const body = JSON.stringify({ text, clientMessageId: "message-1" });

  expect((await send("POST", "/api/messages", body)).status).toBe(413);
  const chunked = await fetch(`${world.url}/api/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: new Blob([body]).stream(),
    duplex: "half",
  } as RequestInit);
  expect(chunked.status).toBe(413);
});

test.each([
  ["GET", "/api/nothing"],
  ["GET", "/api/conversations/none"],
  ["GET", "/api/runs/none"],
  ["POST", "/api/runs/none/cancel"],
  ["POST", "/api/turns/none/stop"],
  ["PUT", "/api/turns/none/feedback"],
  ["POST", "/api/adapters/none/activate"],
])("the API answers %s %s with 404 and a hint", async (method, path) => {
  const answer = await sendRaw(
    world.url,
    method,
    path,
    method === "GET" ? {} : { body: method === "PUT" ? '{"score":1}' : "{}" },
  );

  expect(answer.status).toBe(404);
  expect(answer.body.hint).not.toBe("");
});

test("a fault answers 500 without its words and is logged", async () => {
  const logged: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: object, event: string) => logged.push([event, fields]),
  };
  const readState = () => Promise.reject(new Error("secret path /home/ana"));
  const { app } = createDashboard({ ...world.parts, log, readState });

  const response = await app.request("/api/state", { headers: { host: "localhost" } });

  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("ana");
  expect(logged).toEqual([["request.failed", expect.objectContaining({ path: "/api/state" })]]);
});

test("GET /healthz and /readyz tell alive from ready", async () => {
  expect((await sendRaw(world.url, "GET", "/healthz")).body).toEqual({ isAlive: true });
  expect((await sendRaw(world.url, "GET", "/readyz")).body).toEqual({ isReady: true });
  const { app } = createDashboard({ ...world.parts, readUnready: async () => "the model is loading" });
  const unready = await app.request("/readyz", { headers: { host: "localhost" } });
  expect(unready.status).toBe(503);
  expect(await unready.json()).toEqual({ isReady: false, why: "the model is loading" });
});

test("GET /api/state tells the model, its stand-in, domains, training, platforms and the limit", async () => {
  const { body } = await apiClient(world.url).get("/api/state");

  expect(body).toMatchObject({
    model: { name: "Scripted-1M", isStandIn: true },
    training: { isAvailable: true },
    messageCharsMax: 4000,
    person: { isAdmin: true },
  });
  expect(body.platforms).toContainEqual({ platform: "discord", isOn: false, why: "off: set DISCORD_TOKEN in .env" });
});

test("staticPages() serves the page fresh and hashed files for ever", async () => {
  const page = await sendRaw(world.url, "GET", "/");
  const script = await sendRaw(world.url, "GET", "/assets/index-abc123.js");

  expect(page.headers["content-type"]).toContain("text/html");
  expect(page.headers["cache-control"]).toBe("no-cache");
  expect(script.headers["content-type"]).toContain("text/javascript");
  expect(script.headers["cache-control"]).toContain("immutable");
});

test.each([
  "/../secret.txt",
  "/..%2f..%2fetc%2fpasswd",
  "/%2e%2e/secret.txt",
  "/assets/../secret.txt",
  "/secret.txt",
  "/__proto__",
])("staticPages() serves nothing at %s", async (path) => {
  expect((await sendRaw(world.url, "GET", path)).status).toBe(404);
});

test("staticPages() says how to build pages that are not there", async () => {
  const { app } = createDashboard({ ...world.parts, pagesDirectory: join(pages, "none") });

  const response = await app.request("/", { headers: { host: "localhost" } });

  expect(response.status).toBe(503);
  expect(await response.text()).toContain("npm run build");
});

test("listen() rejects when the port is taken", async () => {
  const port = Number(new URL(world.url).port);

  await expect(createDashboard(world.parts).listen("127.0.0.1", port)).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("close() ends live streams instead of waiting for them", async () => {
  const listening = await createDashboard(world.parts).listen("127.0.0.1", 0);
  const live = await apiClient(listening.url).listen();

  await listening.close();

  await live.ended;
  expect(live.status).toBe(200);
});
