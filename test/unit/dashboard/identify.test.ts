import { afterAll, beforeAll, expect, test } from "vitest";
import { apiClient, sendRaw } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, type World } from "../../fixtures/dashboard/open-world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

test("identify() gives a new browser a cookie that scripts cannot read and other sites do not send", async () => {
  const { headers } = await sendRaw(world.url, "GET", "/api/state");

  const cookie = String(headers["set-cookie"]);
  expect(cookie).toMatch(/^reactune_person=[\w-]{32};/);
  expect(cookie).toContain("HttpOnly");
  expect(cookie).toContain("SameSite=Strict");
});

test("identify() keeps a known browser and replaces a made-up cookie", async () => {
  const first = await sendRaw(world.url, "GET", "/api/state");
  const cookie = String(first.headers["set-cookie"]).split(";")[0] ?? "";

  expect(
    (await sendRaw(world.url, "GET", "/api/state", { headers: { cookie } })).headers["set-cookie"],
  ).toBeUndefined();
  const forged = await sendRaw(world.url, "GET", "/api/state", { headers: { cookie: "reactune_person=admin" } });
  expect(forged.headers["set-cookie"]).toBeDefined();
});

test("identify() gives no cookie with a page, since a link from another site asks without one", async () => {
  expect((await sendRaw(world.url, "GET", "/")).headers["set-cookie"]).toBeUndefined();
});

test("identify() stores a hash of the cookie, never the cookie", async () => {
  const { headers } = await sendRaw(world.url, "GET", "/api/state");
  const cookie = String(headers["set-cookie"]).split(";")[0] ?? "";
  const ana = apiClient(world.url);
  await ana.send("GET", "/api/state", { headers: { cookie } });
  const asked = await ana.send("POST", "/api/messages", {
    body: JSON.stringify({ text: "Hello", clientMessageId: "message-9" }),
    headers: { cookie },
  });

  const secret = cookie.split("=")[1] ?? "none";
  expect(secret).toHaveLength(32);
  expect(asked.body.messageId).not.toContain(secret);
});
