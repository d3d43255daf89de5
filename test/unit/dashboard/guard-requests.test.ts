import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sendRaw } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, type World } from "../../fixtures/dashboard/open-world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const ASK = JSON.stringify({ text: "Hello", clientMessageId: "message-1" });
const ask = (headers: Record<string, string>) => sendRaw(world.url, "POST", "/api/messages", { body: ASK, headers });

test.each(["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost@evil.example", "a b"])(
  "guardRequests() refuses host %j",
  async (host) => {
    const answer = await sendRaw(world.url, "GET", "/api/state", { headers: { host } });

    expect([400, 421]).toContain(answer.status);
    expect(JSON.stringify(answer.body)).not.toContain("Scripted-1M");
  },
);

test("guardRequests() refuses a request without a host", async () => {
  const { hostname, port } = new URL(world.url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.end("GET /api/state HTTP/1.0\r\n\r\n");

  expect(await text(socket)).toMatch(/^HTTP\/1\.1 (400|421) /);
});

test.each(["localhost", "LOCALHOST:7860", "127.0.0.1:1", "[::1]:7860", "chat.example"])(
  "guardRequests() serves host %j",
  async (host) => {
    expect((await sendRaw(world.url, "GET", "/api/state", { headers: { host } })).status).toBe(200);
  },
);

test("guardRequests() refuses a write from another origin, null included", async () => {
  for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
    const answer = await ask({ origin });

    expect(answer.status).toBe(403);
    expect(answer.body.code).toBe("ORIGIN_REFUSED");
  }
});

test("guardRequests() refuses a write that the browser calls cross-site", async () => {
  expect((await ask({ "sec-fetch-site": "cross-site" })).status).toBe(403);
});

test("guardRequests() accepts a write of our own pages, and of a program that sends no Origin", async () => {
  expect((await ask({ origin: world.url, "sec-fetch-site": "same-origin" })).status).toBe(202);
  expect((await ask({})).status).toBe(202);
});

test.each(["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])(
  "guardRequests() refuses a body of type %s, which a form of another site could send",
  async (type) => {
    const answer = await ask({ "content-type": type });

    expect(answer.status).toBe(415);
  },
);

test("secureResponses() guards pages, answers and refusals alike", async () => {
  const paths = ["/", "/api/state", "/api/nothing", "/nothing", "/healthz"];
  const answers = await Promise.all(paths.map((path) => sendRaw(world.url, "GET", path)));
  answers.push(await sendRaw(world.url, "GET", "/api/state", { headers: { host: "evil.example" } }));

  for (const { headers } of answers) {
    const policy = String(headers["content-security-policy"]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");
    expect(headers["x-content-type-options"]).toBe("nosniff");
    expect(headers["referrer-policy"]).toBe("no-referrer");
  }
});
