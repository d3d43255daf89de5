import { afterAll, beforeAll, expect, test } from "vitest";
import type { ServerEvent } from "#dashboard/api-records.ts";
import { apiClient } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, type World } from "../../fixtures/dashboard/open-world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({ answer: (question) => ({ text: `You said: ${question}`, pauseMs: 20 }) });
});
afterAll(() => world.close());

const text = "a rather long question, so that the reply comes in many pieces";

type TurnEvent = Extract<ServerEvent, { kind: "turn" }>;
const isEnd = (event: ServerEvent): event is TurnEvent => event.kind === "turn" && event.turn.status === "complete";

test("GET /api/events tells the growing reply, then the turn", async () => {
  const ana = apiClient(world.url);
  const live = await ana.listen();

  const { body } = await ana.post("/api/messages", { text, clientMessageId: "message-1" });
  const { turn } = await live.next(isEnd);

  const first = live.events.find((event) => event.kind !== "learning");
  expect(first).toMatchObject({ kind: "turn", turn: { status: "streaming", messageId: body.messageId } });
  const replies = live.events.flatMap((event) => (event.kind === "reply" ? [event] : []));
  expect(replies.length).toBeGreaterThan(2);
  for (const [index, reply] of replies.entries()) {
    expect(reply.messageId).toBe(body.messageId);
    expect(turn.reply.startsWith(reply.text)).toBe(true);
    expect(reply.text.length).toBeGreaterThan(replies[index - 1]?.text.length ?? 0);
  }
  expect(turn).toMatchObject({ status: "complete", reply: `You said: ${text}`, messageId: body.messageId });
  await live.next((event) => event.kind === "learning");
  live.close();
});

test("GET /api/events tells nobody what another person reads", async () => {
  const ana = apiClient(world.url);
  const eve = await apiClient(world.url).listen();

  await ana.ask(text);
  await eve.next((event) => event.kind === "learning");

  expect(eve.events.filter((event) => event.kind !== "learning")).toEqual([]);
  eve.close();
});

test("GET /api/events tells a reply that is under way to a page that comes back", async () => {
  const ana = apiClient(world.url);
  const before = await ana.listen();
  await ana.post("/api/messages", { text: `${text}, again`, clientMessageId: "message-back" });
  await before.next((event) => event.kind === "reply");
  before.close();

  const after = await ana.listen();

  await after.next((event) => event.kind === "reply");
  await after.next(isEnd);
  after.close();
});

test("GET /api/events tells a refusal as a notice", async () => {
  const ana = apiClient(world.url);
  const live = await ana.listen();
  const messageId = "made-by-the-test";
  const turn = await ana.ask("Who am I?");
  const channelId = (await world.store.chat.findTurn(turn.id))?.channelId ?? "";
  await world.connector.ask({ userId: "ana", channelId, text: "", messageId });

  const notice = await live.next((event) => event.kind === "notice");

  expect(notice).toMatchObject({ messageId, text: expect.stringContaining("empty") });
  live.close();
});

test("GET /api/events refuses a person's thirteenth stream and lets go of closed ones", async () => {
  const ana = apiClient(world.url);
  await ana.get("/api/state");
  const open = await Promise.all(Array.from({ length: 12 }, () => ana.listen()));
  expect(open.map((live) => live.status)).toEqual(open.map(() => 200));

  expect((await ana.get("/api/events")).body.code).toBe("STREAMS_FULL");

  for (const live of open) live.close();
  await expect
    .poll(async () => {
      const live = await ana.listen();
      live.close();
      return live.status;
    })
    .toBe(200);
});
