import { GatewayIntentBits, GatewayOpcodes } from "discord-api-types/v10";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { type DiscordDoubleOptions, openDiscordDouble } from "../../../fixtures/discord/discord-double.ts";
import { BOT_ID } from "../../../fixtures/discord/double-world.ts";

/*
 * The double against what Discord's documentation says (API v10, read November 2026): status codes, headers, error bodies, and
 * the words of the gateway.
 */

const ANA = "700000000000000001";

async function open(options: DiscordDoubleOptions = {}) {
  const double = await openDiscordDouble(options);
  onTestFinished(() => double.close());
  const guild = double.world.addGuild();
  const channel = double.world.addChannel(guild);
  const call = async (method: string, path: string, body?: unknown, token: string | null = `Bot ${double.token}`) => {
    const response = await fetch(`${double.apiUrl}/v10${path}`, {
      method,
      headers: { ...(token === null ? {} : { Authorization: token }), "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  return { double, guild, channel, call, messages: `/channels/${channel.id}/messages` };
}

interface Payload {
  readonly op: number;
  readonly t: string | null;
  readonly s: number | null;
  readonly d: never;
}

async function connect(url: string) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/gateway`);
  onTestFinished(() => socket.terminate());
  const heard: Payload[] = [];
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })),
  );
  socket.on("message", (raw) => heard.push(JSON.parse(String(raw))));
  socket.on("error", () => {});
  await vi.waitFor(() => expect(heard).toHaveLength(1));
  const send = (op: number, d: unknown) => socket.send(JSON.stringify({ op, d }));
  const hear = (event: string) =>
    vi.waitFor(() => {
      const found = heard.find(({ t }) => t === event);
      if (found === undefined) throw new Error(`${event} has not come`);
      return found as Payload & { readonly d: Record<string, unknown> };
    });
  return { socket, heard, closed, send, hear };
}

const ALL =
  GatewayIntentBits.Guilds |
  GatewayIntentBits.GuildMessages |
  GatewayIntentBits.DirectMessages |
  GatewayIntentBits.MessageContent;

test("double refuses a request without its token with 401 and the documented body", async () => {
  const { call } = await open();

  expect(await call("GET", "/users/@me", undefined, "Bot nobody")).toMatchObject({
    status: 401,
    body: { message: "401: Unauthorized", code: 0 },
  });
});

test("double counts posts and edits of a channel together and tells it in headers", async () => {
  const { call, messages } = await open({ limits: { messages: { count: 2, perMs: 5000 } } });

  const first = await call("POST", messages, { content: "one" });
  const second = await call("PATCH", `${messages}/${first.body.id}`, { content: "two" });
  const third = await call("POST", messages, { content: "three" });

  expect(first.headers.get("x-ratelimit-limit")).toBe("2");
  expect(first.headers.get("x-ratelimit-remaining")).toBe("1");
  expect(second.headers.get("x-ratelimit-bucket")).toBe(first.headers.get("x-ratelimit-bucket"));
  expect(Number(second.headers.get("x-ratelimit-reset-after"))).toBeGreaterThan(4);
  expect(third).toMatchObject({
    status: 429,
    body: { message: "You are being rate limited.", retry_after: expect.any(Number), global: false },
  });
  expect(third.headers.get("x-ratelimit-scope")).toBe("user");
  expect(Number(third.headers.get("retry-after"))).toBe(third.body.retry_after);
});

test("double counts all requests of the token, and says when that limit is global", async () => {
  const { call } = await open({ limits: { global: { count: 1, perMs: 1000 } } });
  await call("GET", "/users/@me");

  const second = await call("GET", "/users/@me");

  expect(second).toMatchObject({ status: 429, body: { global: true } });
  expect(second.headers.get("x-ratelimit-global")).toBe("true");
  expect(second.headers.get("x-ratelimit-scope")).toBe("global");
});

test.each([
  {
    what: "a text over 2,000 characters",
    body: { content: "x".repeat(2001) },
    status: 400,
    answer: {
      code: 50_035,
      message: "Invalid Form Body",
      errors: { content: { _errors: [{ code: "BASE_TYPE_MAX_LENGTH", message: "Must be 2000 or fewer in length." }] } },
    },
  },
  {
    what: "an empty text",
    body: { content: " " },
    status: 400,
    answer: { code: 50_006, message: "Cannot send an empty message" },
  },
  {
    what: "a nonce over 25 characters",
    body: { content: "x", nonce: "n".repeat(26) },
    status: 400,
    answer: { code: 50_035, message: "Invalid Form Body" },
  },
  {
    what: "a reference to no message",
    body: { content: "x", message_reference: { message_id: "1" } },
    status: 400,
    answer: { code: 50_035, message: "Invalid Form Body" },
  },
])("double refuses $what as documented", async ({ body, status, answer }) => {
  const { call, messages } = await open();

  expect(await call("POST", messages, body)).toMatchObject({ status, body: answer });
});

test("double answers what is not there, and what is not allowed, with Discord's codes", async () => {
  const { call, channel, messages } = await open();

  expect(await call("GET", "/channels/1/messages")).toMatchObject({ status: 404, body: { code: 10_003 } });
  expect(await call("GET", `${messages}/1`)).toMatchObject({ status: 404, body: { code: 10_008 } });
  channel.refusal = { status: 403, code: 50_001, message: "Missing Access" };
  expect(await call("POST", messages, { content: "x" })).toMatchObject({
    status: 403,
    body: { code: 50_001, message: "Missing Access" },
  });
});

test("double gives the message of before for an enforced nonce, and tells a nonce only then", async () => {
  const { call, messages } = await open();
  const sent = { content: "x", nonce: "n1", enforce_nonce: true };

  const first = await call("POST", messages, sent);
  const again = await call("POST", messages, { ...sent, content: "y" });
  const free = await call("POST", messages, { content: "x", nonce: "n1" });
  const read = await call("GET", `${messages}/${first.body.id}`);

  expect(first.body.nonce).toBe("n1");
  expect(again.body).toMatchObject({ id: first.body.id, content: "x" });
  expect(free.body.id).not.toBe(first.body.id);
  expect(read.body).not.toHaveProperty("nonce");
});

test("double leaves out what is absent, and lists messages newest first", async () => {
  const { double, call, channel, messages } = await open();
  const first = double.people.say(channel, ANA, "one");
  const second = double.people.say(channel, ANA, "two");

  const listed = await call("GET", `${messages}?after=0&limit=10`);

  expect(listed.body.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
  expect(listed.body[0]).not.toHaveProperty("guild_id");
  expect(listed.body[0]).not.toHaveProperty("referenced_message");
  expect(listed.body[0]).not.toHaveProperty("reactions");
  expect(listed.body[0].edited_timestamp).toBeNull();
});

test("double takes files beside a message and gives them back", async () => {
  const { double, messages } = await open();
  const form = new FormData();
  form.set("payload_json", JSON.stringify({ content: "see", attachments: [{ id: 0, description: "bars" }] }));
  form.set("files[0]", new Blob([new Uint8Array([1, 2, 3])], { type: "image/png" }), "bars.png");

  const headers = { Authorization: `Bot ${double.token}` };
  const response = await fetch(`${double.apiUrl}/v10${messages}`, { method: "POST", headers, body: form });

  expect(await response.json()).toMatchObject({
    content: "see",
    attachments: [{ filename: "bars.png", size: 3, content_type: "image/png", description: "bars" }],
  });
});

test("double notices whom a message calls and which address shows a preview", async () => {
  const { double, call, messages } = await open();
  const content = `@everyone <@${ANA}> https://example.org/a`;

  await call("POST", messages, { content });
  await call("POST", messages, { content, allowed_mentions: { parse: [] }, flags: 4 });

  expect(double.noticed).toEqual({ pings: ["@everyone", `<@${ANA}>`], previews: ["https://example.org/a"] });
});

test("double takes one answer to an interaction, within three seconds, without a token", async () => {
  const { double, channel, call } = await open();
  const { hear, send } = await connect(double.url);
  send(GatewayOpcodes.Identify, { token: double.token, intents: ALL });
  await hear("GUILD_CREATE");
  const called = double.people.command(channel, ANA, "status");
  const { d } = await hear("INTERACTION_CREATE");
  const path = `/interactions/${String(d["id"])}/${String(d["token"])}/callback`;
  const answer = { type: 4, data: { content: "fine" } };

  const first = await call("POST", `${path}?with_response=true`, answer, null);
  const second = await call("POST", path, answer, null);
  const unknown = await call("POST", "/interactions/1/nothing/callback", answer, null);
  await called;

  expect(first).toMatchObject({ status: 200, body: { resource: { type: 4, message: { content: "fine" } } } });
  expect(second).toMatchObject({
    status: 400,
    body: { code: 40_060, message: "Interaction has already been acknowledged." },
  });
  expect(unknown).toMatchObject({ status: 404, body: { code: 10_062, message: "Unknown interaction" } });
});

test("double answers an interaction that is answered late with 10062", async () => {
  const { double, channel, call } = await open();
  const { hear, send } = await connect(double.url);
  send(GatewayOpcodes.Identify, { token: double.token, intents: ALL });
  await hear("GUILD_CREATE");
  const called = double.people.command(channel, ANA, "status").catch((error: unknown) => String(error));
  const { d } = await hear("INTERACTION_CREATE");
  await new Promise((resolve) => setTimeout(resolve, 3050));

  const late = await call("POST", `/interactions/${String(d["id"])}/${String(d["token"])}/callback`, { type: 5 }, null);

  expect(late).toMatchObject({ status: 404, body: { code: 10_062 } });
  expect(await called).toContain("not answered");
}, 10_000);

test("double greets, acknowledges heartbeats, identifies and sends what was asked for", async () => {
  const { double, channel, guild } = await open();
  const { heard, hear, send } = await connect(double.url);

  expect(heard[0]).toMatchObject({ op: GatewayOpcodes.Hello, d: { heartbeat_interval: 41_250 } });
  send(GatewayOpcodes.Heartbeat, null);
  await vi.waitFor(() => expect(heard.map(({ op }) => op)).toContain(GatewayOpcodes.HeartbeatAck));
  send(GatewayOpcodes.Identify, { token: double.token, intents: ALL });
  const ready = await hear("READY");
  const created = await hear("GUILD_CREATE");
  double.people.say(channel, ANA, "hello");
  const said = await hear("MESSAGE_CREATE");

  expect(ready.d).toMatchObject({
    v: 10,
    guilds: [{ id: guild.id, unavailable: true }],
    session_id: expect.any(String),
  });
  expect(ready.d["resume_gateway_url"]).toMatch(/^ws:/);
  expect(created.d).toMatchObject({ id: guild.id, channels: [{ id: channel.id }] });
  expect([ready.s, created.s, said.s]).toEqual([1, 2, 3]);
  expect(said.d).toMatchObject({ content: "hello", guild_id: guild.id });
  expect(said.d["member"]).not.toHaveProperty("user");
});

test("double hides words from who may not read them, but not those that mention the bot or are direct", async () => {
  const { double, channel } = await open();
  const { heard, hear, send } = await connect(double.url);
  send(GatewayOpcodes.Identify, { token: double.token, intents: ALL & ~GatewayIntentBits.MessageContent });
  await hear("GUILD_CREATE");

  double.people.say(channel, ANA, "secret");
  double.people.say(channel, ANA, "for you", { mentionsBot: true });
  double.people.say(double.world.directChannel(ANA), ANA, "direct");

  await vi.waitFor(() => expect(heard.filter(({ t }) => t === "MESSAGE_CREATE")).toHaveLength(3));
  const contents = heard.flatMap(({ t, d }) => (t === "MESSAGE_CREATE" ? [(d as { content: string }).content] : []));
  expect(contents).toEqual(["", `<@${BOT_ID}> for you`, "direct"]);
});

test.each([
  { token: "wrong", refusesContent: false, code: 4004 },
  { token: undefined, refusesContent: true, code: 4014 },
])("double closes with $code", async ({ token, refusesContent, code }) => {
  const { double } = await open({ refusesContent });
  const { send, closed } = await connect(double.url);

  send(GatewayOpcodes.Identify, { token: token ?? double.token, intents: ALL });

  expect((await closed).code).toBe(code);
});

test("double sends again what a cut connection missed, and refuses a session that it does not know", async () => {
  const { double, channel } = await open();
  const first = await connect(double.url);
  first.send(GatewayOpcodes.Identify, { token: double.token, intents: ALL });
  const { d } = await first.hear("READY");
  await first.hear("GUILD_CREATE");
  double.gateway.cut();
  await first.closed;
  double.people.say(channel, ANA, "missed");

  const second = await connect(double.url);
  second.send(GatewayOpcodes.Resume, { token: double.token, session_id: d["session_id"], seq: 2 });
  await second.hear("RESUMED");
  const third = await connect(double.url);
  third.send(GatewayOpcodes.Resume, { token: double.token, session_id: "other", seq: 2 });

  expect(second.heard.map(({ t, s }) => [t, s]).slice(1)).toEqual([
    ["MESSAGE_CREATE", 3],
    ["RESUMED", 4],
  ]);
  await vi.waitFor(() => expect(third.heard[1]).toMatchObject({ op: GatewayOpcodes.InvalidSession, d: false }));
});
