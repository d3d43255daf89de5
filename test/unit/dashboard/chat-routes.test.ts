import { afterAll, beforeAll, expect, test } from "vitest";
import { apiClient } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, scopeOf, type World } from "../../fixtures/dashboard/open-world.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld({
    messageCharsMax: 200,
    answer: (question) => ({ text: `You said: ${question}`, ...(question.includes("slow") ? { pauseMs: 40 } : {}) }),
  });
});
afterAll(() => world.close());

test("POST /api/messages answers, and says where the reply came from", async () => {
  const turn = await apiClient(world.url).ask("How do I return an order?");

  expect(turn).toMatchObject({
    question: "How do I return an order?",
    reply: "You said: How do I return an order?",
    status: "complete",
    domain: { domain: "support", by: "keywords" },
    model: "Scripted-1M",
    cache: { hit: "none" },
    feedback: {},
  });
});

test("POST /api/messages asks once when it is sent twice", async () => {
  const ana = apiClient(world.url);
  await ana.ask("Only once", { clientMessageId: "the-same-id" });
  const { conversationId } = await ana.ask("Only once", { clientMessageId: "the-same-id" });

  expect((await ana.get(`/api/conversations/${conversationId}`)).body.turns).toHaveLength(1);
});

test("POST /api/messages does not let one person use up the message ids of another", async () => {
  await apiClient(world.url).ask("Mine", { clientMessageId: "guessed-id" });

  expect((await apiClient(world.url).ask("Mine too", { clientMessageId: "guessed-id" })).question).toBe("Mine too");
});

test("POST /api/messages goes on in the named conversation and else opens one", async () => {
  const ana = apiClient(world.url);
  const first = await ana.ask("One");
  const second = await ana.ask("Two", { conversationId: first.conversationId });
  const other = await ana.ask("Three");

  expect(second.conversationId).toBe(first.conversationId);
  expect(other.conversationId).not.toBe(first.conversationId);
  const { conversations } = (await ana.get("/api/conversations")).body;
  expect(conversations.map((item: { title: string }) => item.title)).toEqual(["Three", "One"]);
});

test.each([
  ["an empty message", "   ", "MESSAGE_EMPTY"],
  ["no text", "", "MESSAGE_EMPTY"],
  ["a message over the limit", "x".repeat(201), "MESSAGE_TOO_LONG"],
  ["binary", "\u0000\u0001\u0002\u0003abc", "MESSAGE_BINARY"],
])("POST /api/messages refuses %s", async (_name, text, code) => {
  const answer = await apiClient(world.url).post("/api/messages", { text, clientMessageId: "message-x" });

  expect(answer.status).toBe(422);
  expect(answer.body.code).toBe(code);
});

test("POST /api/messages names the limit that a message is over", async () => {
  const text = "x".repeat(250);

  const { body } = await apiClient(world.url).post("/api/messages", { text, clientMessageId: "message-x" });

  expect(body.message).toContain("200");
});

test("POST /api/messages keeps both answers when it asks again, past the cache", async () => {
  const ana = apiClient(world.url);
  const first = await ana.ask("How do I install it?");
  const again = await ana.ask("", { regenerationOf: first.id });

  expect(again).toMatchObject({ question: first.question, regenerationOf: first.id, cache: { hit: "none" } });
  expect((await ana.get(`/api/conversations/${first.conversationId}`)).body.turns).toHaveLength(2);
});

test("POST /api/messages serves the same question from the cache and says so", async () => {
  const ana = apiClient(world.url);
  await ana.ask("What is kept?");

  expect((await ana.ask("What is kept?")).cache.hit).toBe("exact");
});

test("POST /api/messages/:id/stop ends a running reply and keeps its words", async () => {
  const ana = apiClient(world.url);
  const live = await ana.listen();
  const text = `Be slow: ${"word ".repeat(30)}`;
  const { body } = await ana.post("/api/messages", { text, clientMessageId: "message-stop" });
  await live.next((event) => event.kind === "reply");

  const stopped = await ana.post(`/api/messages/${body.messageId}/stop`);

  expect(stopped.body).toEqual({ isStopped: true });
  const turn = await ana.turnOf(body.messageId);
  expect(turn.status).toBe("cancelled");
  expect(turn.reply.length).toBeGreaterThan(0);
  expect(turn.reply.length).toBeLessThan(text.length);
  expect((await ana.post(`/api/turns/${turn.id}/stop`)).body).toEqual({ isStopped: false });
  live.close();
});

test("PUT /api/turns/:id/feedback sets, changes and takes back a score", async () => {
  const ana = apiClient(world.url);
  const { id } = await ana.ask("Rate me");
  const path = `/api/turns/${id}/feedback`;

  expect((await ana.put(path, { score: 2 })).body.turn.feedback).toEqual({ score: 2 });
  expect((await ana.put(path, { score: 5 })).body.turn.feedback).toEqual({ score: 5 });
  expect((await ana.put(path, { comment: "Nice", correction: "Better" })).body.turn.feedback).toEqual({
    score: 5,
    comment: "Nice",
    correction: "Better",
  });
  expect((await ana.put(path, { score: null, comment: " " })).body.turn.feedback).toEqual({ correction: "Better" });
});

test("PUT /api/turns/:id/feedback counts for readiness once per person and reply", async () => {
  const ana = apiClient(world.url);
  const before = await world.store.learning.readCounts(scopeOf("legal"), 0);
  const { id } = await ana.ask("Is this contract valid?");
  for (const score of [4, 5, 4]) await ana.put(`/api/turns/${id}/feedback`, { score });

  const after = await world.store.learning.readCounts(scopeOf("legal"), 0);
  expect(after.feedback - before.feedback).toBe(1);
  expect(after.examples - before.examples).toBe(1);
});

test.each([{ score: 0 }, { score: 6 }, { score: 3.5 }, { score: "😍" }, { emoji: "🦄" }, {}, []])(
  "PUT /api/turns/:id/feedback refuses %j and records nothing",
  async (change) => {
    const ana = apiClient(world.url);
    const { id } = await ana.ask("Rate me not");

    expect((await ana.put(`/api/turns/${id}/feedback`, change)).status).toBe(400);
    expect(await world.store.chat.listFeedback(id)).toEqual([]);
  },
);

test("an emoji that is no feedback makes no record", async () => {
  const ana = apiClient(world.url);
  const { id } = await ana.ask("React to me");
  const turn = await world.store.chat.findTurn(id);
  const reply = turn?.messages.find((message) => message.role === "reply");

  await world.connector.react({
    userId: "ana",
    channelId: turn?.channelId ?? "",
    messageId: reply?.messageId ?? "",
    emoji: "🦄",
  });

  expect(await world.store.chat.listFeedback(id)).toEqual([]);
});

test("conversations and replies of somebody else look as if they were not there", async () => {
  const turn = await apiClient(world.url).ask("Private thoughts");
  const eve = apiClient(world.url);
  await eve.get("/api/state");

  const answers = await Promise.all([
    eve.get(`/api/conversations/${turn.conversationId}`),
    eve.put(`/api/turns/${turn.id}/feedback`, { score: 1 }),
    eve.post(`/api/turns/${turn.id}/stop`),
    eve.post(`/api/messages/${turn.messageId}/stop`),
    eve.post("/api/messages", { text: "Hi", conversationId: turn.conversationId, clientMessageId: "message-1" }),
    eve.post("/api/messages", { regenerationOf: turn.id, clientMessageId: "message-2" }),
    eve.post("/api/conversations/new", { conversationId: turn.conversationId }),
  ]);

  expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 404));
  expect((await eve.get("/api/conversations")).body.conversations).toEqual([]);
});

test("POST /api/conversations/new closes the named conversation", async () => {
  const ana = apiClient(world.url);
  const { conversationId } = await ana.ask("First subject");

  expect((await ana.post("/api/conversations/new", { conversationId })).status).toBe(201);

  expect((await world.store.chat.findConversation(conversationId))?.closedAtMs).toBeTypeOf("number");
  expect((await ana.ask("Next", { conversationId })).conversationId).not.toBe(conversationId);
});
