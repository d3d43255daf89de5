import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Conversation } from "#core/conversation.ts";
import { type Feedback, type FeedbackChange, mergeFeedback, type Score } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleChange,
  sampleConversation,
  sampleMessage,
  sampleTurn,
  type TurnChanges,
} from "./sample-records.ts";

/** What every ChatStore promises. `open` gives an empty store. */
export function chatStoreContract(open: () => Promise<ChatStore>): void {
  describe("inbox", () => inboxContract(open));
  describe("inbox of platforms", () => inboxOfPlatformsContract(open));
  describe("conversations", () => conversationContract(open));
  describe("turns", () => turnContract(open));
  describe("recent replies", () => recentRepliesContract(open));
  describe("feedback", () => feedbackContract(open));
  describe("deliveries", () => deliveryContract(open));
  describe("answers", () => answerContract(open));
  describe("hostile text", () => hostileTextContract(open));
}

function inboxContract(open: () => Promise<ChatStore>): void {
  const claim = (nowMs: number, claimedBy = "one") => ({ claimedBy, nowMs, leaseMs: 100 });

  test("acceptEvent() is true once per event id", async () => {
    const chat = await open();

    expect(await chat.acceptEvent("e1", sampleMessage(), 1)).toBe(true);
    expect(await chat.acceptEvent("e1", sampleMessage({ text: "other" }), 2)).toBe(false);
    expect(await chat.claimEvent(claim(3))).toEqual({
      id: "e1",
      message: sampleMessage(),
      state: "claimed",
      attempts: 1,
      receivedAtMs: 1,
      claimedBy: "one",
      leaseUntilMs: 103,
    });
  });

  test("acceptEvent() holds the event for its caller when it is claimed at once, until the lease runs out", async () => {
    const chat = await open();
    expect(await chat.acceptEvent("e1", sampleMessage(), 1, { claimedBy: "one", leaseMs: 100 })).toBe(true);
    expect(await chat.acceptEvent("e1", sampleMessage(), 2, { claimedBy: "two", leaseMs: 100 })).toBe(false);

    expect(await chat.claimEvent(claim(100, "two"))).toBeUndefined();
    expect(await chat.claimEvent(claim(101, "two"))).toEqual({
      id: "e1",
      message: sampleMessage(),
      state: "claimed",
      attempts: 2,
      receivedAtMs: 1,
      claimedBy: "two",
      leaseUntilMs: 201,
    });
  });

  test("acceptEvent() is false when the event was already answered", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.claimEvent(claim(2));
    await chat.finishEvent("e1");

    expect(await chat.acceptEvent("e1", sampleMessage(), 3)).toBe(false);
    expect(await chat.claimEvent(claim(1000))).toBeUndefined();
  });

  test("claimEvent() gives the oldest first and nothing when all are claimed", async () => {
    const chat = await open();
    await chat.acceptEvent("late", sampleMessage(), 20);
    await chat.acceptEvent("early", sampleMessage(), 10);

    expect((await chat.claimEvent(claim(30)))?.id).toBe("early");
    expect((await chat.claimEvent(claim(30)))?.id).toBe("late");
    expect(await chat.claimEvent(claim(30))).toBeUndefined();
  });

  test("claimEvent() gives the named event only, and only when it is free", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.acceptEvent("e2", sampleMessage({ regenerationOf: "t1", threadId: "th" }), 2);

    expect((await chat.claimEvent({ ...claim(3), eventId: "e2" }))?.message.regenerationOf).toBe("t1");
    expect(await chat.claimEvent({ ...claim(3), eventId: "e2" })).toBeUndefined();
    expect(await chat.claimEvent({ ...claim(3), eventId: "unknown" })).toBeUndefined();
  });

  test("claimEvent() gives an event again, counting attempts, when its lease ran out", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.claimEvent(claim(10));

    expect(await chat.claimEvent(claim(109, "two"))).toBeUndefined();
    expect(await chat.claimEvent(claim(110, "two"))).toMatchObject({
      claimedBy: "two",
      attempts: 2,
      leaseUntilMs: 210,
    });
  });

  test("renewEvent() prolongs a lease and does nothing for an event that is done", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.claimEvent(claim(10));
    expect(await chat.renewEvent("e1", "one", 500)).toBe(true);
    expect(await chat.claimEvent(claim(499, "two"))).toBeUndefined();

    await chat.finishEvent("e1");
    expect(await chat.renewEvent("e1", "one", 501)).toBe(false);
    expect(await chat.claimEvent(claim(1000))).toBeUndefined();
  });

  test("renewEvent() leaves the lease of another holder as it is", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1);
    expect(await chat.renewEvent("e1", "one", 500)).toBe(false);
    await chat.claimEvent(claim(10));
    await chat.claimEvent(claim(110, "two"));

    expect(await chat.renewEvent("e1", "one", 500)).toBe(false);
    expect(await chat.renewEvent("e1", "one", 0)).toBe(false);
    expect(await chat.claimEvent(claim(209, "three"))).toBeUndefined();
    expect(await chat.claimEvent(claim(210, "three"))).toMatchObject({ claimedBy: "three" });
  });

  test("renewEvent() of an acceptance that claimed at once is its holder's", async () => {
    const chat = await open();
    await chat.acceptEvent("e1", sampleMessage(), 1, { claimedBy: "one \ud800", leaseMs: 100 });

    expect(await chat.renewEvent("e1", "two", 500)).toBe(false);
    expect(await chat.renewEvent("e1", "one \ud800", 500)).toBe(true);
    expect(await chat.claimEvent(claim(499, "two"))).toBeUndefined();
  });

  test("claimEvent() never gives one event to two callers", async () => {
    const chat = await open();
    for (let index = 0; index < 10; index += 1) await chat.acceptEvent(`e${index}`, sampleMessage(), index);
    const claimed = await Promise.all(Array.from({ length: 30 }, (_, index) => chat.claimEvent(claim(50, `${index}`))));

    const ids = claimed.flatMap((event) => event?.id ?? []);
    expect(ids).toHaveLength(10);
    expect(new Set(ids).size).toBe(10);
  });
}

function inboxOfPlatformsContract(open: () => Promise<ChatStore>): void {
  const claim = { claimedBy: "one", nowMs: 100, leaseMs: 100 };

  test("claimEvent() gives the oldest of the platforms that are asked for, and of no other", async () => {
    const chat = await open();
    await chat.acceptEvent("s2", sampleMessage({ platform: "slack" }), 4);
    await chat.acceptEvent("l1", sampleMessage({ platform: "local" }), 1);
    await chat.acceptEvent("d1", sampleMessage({ platform: "discord" }), 2);
    await chat.acceptEvent("s1", sampleMessage({ platform: "slack" }), 3);
    const platforms = ["slack", "discord"] as const;
    const claimed = [];
    for (let times = 0; times < 4; times += 1) claimed.push((await chat.claimEvent({ ...claim, platforms }))?.id);

    expect(claimed).toEqual(["d1", "s1", "s2", undefined]);
    expect(await chat.claimEvent({ ...claim, platforms: [] })).toBeUndefined();
    expect(await chat.claimEvent({ ...claim, platforms, eventId: "l1" })).toBeUndefined();
    expect((await chat.claimEvent({ ...claim, platforms: ["local"], eventId: "l1" }))?.id).toBe("l1");
  });

  test("claimEvent() gives an event of a platform again when its lease ran out", async () => {
    const chat = await open();
    await chat.acceptEvent("s1", sampleMessage({ platform: "slack" }), 1);
    await chat.claimEvent({ ...claim, platforms: ["slack"] });

    expect(await chat.claimEvent({ ...claim, nowMs: 199, platforms: ["slack"] })).toBeUndefined();
    expect(await chat.claimEvent({ ...claim, nowMs: 200, platforms: ["slack"] })).toMatchObject({ attempts: 2 });
  });

  test("pruneEvents() deletes done events that are old enough, oldest first, and knows the others on", async () => {
    const chat = await open();
    for (const [id, receivedAtMs] of Object.entries({ old1: 1, old2: 2, old3: 3, open: 4, young: 10 })) {
      await chat.acceptEvent(id, sampleMessage(), receivedAtMs);
      if (id !== "open") await chat.finishEvent(id);
    }
    expect(await chat.pruneEvents(10, 2)).toBe(2);
    expect(await chat.acceptEvent("old3", sampleMessage(), 20)).toBe(false);
    expect(await chat.pruneEvents(10, 9)).toBe(1);
    expect(await chat.pruneEvents(10, 9)).toBe(0);

    expect(await chat.acceptEvent("young", sampleMessage(), 20)).toBe(false);
    expect((await chat.claimEvent(claim))?.id).toBe("open");
    expect(await chat.acceptEvent("old1", sampleMessage(), 20)).toBe(true);
  });
}

function conversationContract(open: () => Promise<ChatStore>): void {
  const place = { workspaceId: SCOPE.workspaceId, channelId: "web" };

  test("findConversation() gives every field that was saved last", async () => {
    const chat = await open();
    const full: Required<Conversation> = {
      ...sampleConversation(),
      threadId: "th",
      closedAtMs: NOON_MS + 5,
      arms: [{ domain: "legal", epoch: 0, adapterDigest: "x" }],
    };
    await chat.saveConversation(sampleConversation());
    await chat.saveConversation(full);

    expect(await chat.findConversation("c1")).toEqual(full);
    expect(await chat.findConversation("c2")).toBeUndefined();
  });

  test("findOpenConversation() gives the newest of a place that is not closed", async () => {
    const chat = await open();
    await chat.saveConversation(sampleConversation({ id: "old", lastTurnAtMs: 1 }));
    await chat.saveConversation(sampleConversation({ id: "new", lastTurnAtMs: 2 }));
    await chat.saveConversation(sampleConversation({ id: "closed", lastTurnAtMs: 3, closedAtMs: 3 }));
    await chat.saveConversation(sampleConversation({ id: "thread", lastTurnAtMs: 4, threadId: "th" }));
    await chat.saveConversation(sampleConversation({ id: "elsewhere", lastTurnAtMs: 5, channelId: "other" }));

    expect((await chat.findOpenConversation(place))?.id).toBe("new");
    expect((await chat.findOpenConversation({ ...place, threadId: "th" }))?.id).toBe("thread");
    expect(await chat.findOpenConversation({ ...place, threadId: "none" })).toBeUndefined();
    expect(await chat.findOpenConversation({ ...place, workspaceId: "slack:T1" })).toBeUndefined();
  });

  test("listConversations() gives the newest first, of one channel and before a moment when asked", async () => {
    const chat = await open();
    await chat.saveConversation(sampleConversation({ id: "a", lastTurnAtMs: 1 }));
    await chat.saveConversation(sampleConversation({ id: "b", lastTurnAtMs: 2, channelId: "other" }));
    await chat.saveConversation(sampleConversation({ id: "c", lastTurnAtMs: 3, closedAtMs: 3 }));
    await chat.saveConversation(sampleConversation({ id: "d", lastTurnAtMs: 4, workspaceId: "slack:T1" }));
    const list = async (query: object) =>
      (await chat.listConversations({ workspaceId: SCOPE.workspaceId, limit: 9, ...query })).map(({ id }) => id);

    expect(await list({})).toEqual(["c", "b", "a"]);
    expect(await list({ limit: 1 })).toEqual(["c"]);
    expect(await list({ channelId: "web" })).toEqual(["c", "a"]);
    expect(await list({ beforeMs: 3 })).toEqual(["b", "a"]);
  });
}

function turnContract(open: () => Promise<ChatStore>): void {
  test("findTurn() gives every field that was saved last", async () => {
    const chat = await open();
    const sample = sampleTurn();
    const full: Required<Turn> = {
      ...sample,
      threadId: "th",
      regenerationOf: "t0",
      askerNumber: 1,
      inputTurnIds: ["t0"],
      repliedAtMs: NOON_MS + 1,
      arm: { epoch: 4, adapterDigest: "x" },
      provenance: {
        ...sample.provenance,
        adapterDigest: "x",
        cache: { hit: "near", reason: "near", sourceTurnId: "t0", similarity: 0.97 },
      },
    };
    await chat.saveTurn(sampleTurn({ status: "streaming", reply: "" }));
    await chat.saveTurn(full);

    expect(await chat.findTurn("t1")).toEqual(full);
    expect(await chat.findTurn("t2")).toBeUndefined();
  });

  test("findTurnByMessage() leads from any part of a reply to its turn", async () => {
    const chat = await open();
    const parts = [0, 1].map((part) => ({ messageId: `m${part}`, role: "reply", part }) as const);
    await chat.saveTurn(sampleTurn({ messages: parts }));

    for (const { messageId } of parts) {
      expect((await chat.findTurnByMessage(SCOPE.workspaceId, "web", messageId))?.id).toBe("t1");
    }
    expect(await chat.findTurnByMessage(SCOPE.workspaceId, "other", "m0")).toBeUndefined();
    expect(await chat.findTurnByMessage("slack:T1", "web", "m0")).toBeUndefined();
  });

  test("findTurnByMessage() forgets a message that its turn no longer has", async () => {
    const chat = await open();
    await chat.saveTurn(sampleTurn());
    await chat.saveTurn(sampleTurn({ messages: [] }));

    expect(await chat.findTurnByMessage(SCOPE.workspaceId, "web", "t1-reply")).toBeUndefined();
  });

  test("findTurnByMessage() gives the newest standing turn when a question was edited or asked again", async () => {
    const chat = await open();
    const messages = [{ messageId: "q", role: "question", part: 0 } as const];
    await chat.saveTurn(sampleTurn({ id: "t1", messages, askedAtMs: 1 }));
    await chat.saveTurn(sampleTurn({ id: "t2", messages, askedAtMs: 2 }));
    await chat.saveTurn(sampleTurn({ id: "t3", messages, askedAtMs: 3, status: "superseded" }));
    const find = async () => (await chat.findTurnByMessage(SCOPE.workspaceId, "web", "q"))?.id;

    expect(await find()).toBe("t2");
    await chat.saveTurn(sampleTurn({ id: "t2", messages, askedAtMs: 2, status: "deleted" }));
    expect(await find()).toBe("t1");
  });

  test("listHistory() gives the newest turns, oldest first, without deleted and superseded ones", async () => {
    const chat = await open();
    const statuses = ["complete", "superseded", "failed", "deleted", "cancelled", "streaming"] as const;
    for (const [position, status] of statuses.entries()) {
      await chat.saveTurn(sampleTurn({ id: `t${position}`, position, status, askedAtMs: NOON_MS + position }));
    }
    await chat.saveTurn(sampleTurn({ id: "elsewhere", conversationId: "c2" }));
    const list = async (limit: number) => (await chat.listHistory("c1", limit)).map(({ id }) => id);

    expect(await list(9)).toEqual(["t0", "t2", "t4", "t5"]);
    expect(await list(2)).toEqual(["t4", "t5"]);
    expect(await chat.listHistory("none", 9)).toEqual([]);
  });
}

function recentRepliesContract(open: () => Promise<ChatStore>): void {
  test("listRecentReplies() gives a platform's complete turns whose reply is newer, newest first", async () => {
    const chat = await open();
    const reply = (id: string, repliedAtMs: number, changes: TurnChanges = {}) =>
      chat.saveTurn(sampleTurn({ id, platform: "slack", askedAtMs: 1, repliedAtMs, ...changes }));
    await reply("a", 30);
    await reply("b", 20);
    await reply("at the moment", 10);
    await reply("c", 25, { workspaceId: "slack:T2" });
    await reply("deleted", 40, { status: "deleted" });
    await reply("streaming", 40, { status: "streaming" });
    await reply("elsewhere", 40, { platform: "discord" });
    const list = async (limit: number) => (await chat.listRecentReplies("slack", 10, limit)).map(({ id }) => id);

    expect(await list(9)).toEqual(["a", "c", "b"]);
    expect(await list(2)).toEqual(["a", "c"]);
    expect(await chat.listRecentReplies("local", 0, 9)).toEqual([]);
  });
}

function feedbackContract(open: () => Promise<ChatStore>): void {
  test("putFeedback() rejects with TURN_UNKNOWN when the turn is not stored, and stores nothing", async () => {
    const chat = await open();

    await expect(chat.putFeedback(sampleChange({ score: 5 }))).rejects.toMatchObject({
      code: "TURN_UNKNOWN",
      message: expect.stringContaining("t1"),
      hint: expect.any(String),
    });
    expect(await chat.listFeedback("t1")).toEqual([]);
  });

  test("putFeedback() keeps one record per person and gives it back whole", async () => {
    const chat = await open();
    await chat.saveTurn(sampleTurn());
    await chat.putFeedback(sampleChange({ userId: "ben", score: 2, emoji: "😕" }));
    await chat.putFeedback(sampleChange({ score: 4, comment: "good" }));
    const ana = await chat.putFeedback(
      sampleChange({ correction: "In 14 days.", endorsedBy: "ben", source: "button" }),
    );

    const full: Omit<Required<Feedback>, "emoji" | "heard"> = {
      turnId: "t1",
      userId: "ana",
      workspaceId: SCOPE.workspaceId,
      score: 4,
      scoreAtMs: NOON_MS + 5000,
      source: "reaction",
      comment: "good",
      commentAtMs: NOON_MS + 5000,
      correction: "In 14 days.",
      correctionAtMs: NOON_MS + 5000,
      endorsedBy: ["ben"],
    };
    expect(ana).toEqual(full);
    expect(await chat.listFeedback("t1")).toEqual([
      ana,
      expect.objectContaining({ userId: "ben", score: 2, emoji: "😕" }),
    ]);
  });

  test("putFeedback() survives the turn being saved again", async () => {
    const chat = await open();
    await chat.saveTurn(sampleTurn());
    const feedback = await chat.putFeedback(sampleChange({ score: 5 }));
    await chat.saveTurn(sampleTurn({ reply: "changed" }));

    expect(await chat.listFeedback("t1")).toEqual([feedback]);
  });

  test("putFeedback() stores what mergeFeedback() says after any events, one by one or at once", async () => {
    const anyEvent = fc.record(
      {
        userId: fc.constantFrom("ana", "ben"),
        atMs: fc.integer({ min: 0, max: 5 }),
        score: fc.constantFrom<(Score | null)[]>(null, 1, 3, 5),
        comment: fc.constantFrom(null, "a"),
        correction: fc.constantFrom(null, "x", "y"),
        endorsedBy: fc.constantFrom("ana", "ben", "cy"),
      },
      { requiredKeys: ["userId", "atMs"] },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(anyEvent, { maxLength: 12 }), fc.boolean(), async (events, isAtOnce) => {
        const chat = await open();
        await chat.saveTurn(sampleTurn());
        const changes: readonly FeedbackChange[] = events.map((event) => sampleChange(event));
        if (isAtOnce) await Promise.all(changes.map((change) => chat.putFeedback(change)));
        else for (const change of changes) await chat.putFeedback(change);

        const merged = new Map<string, Feedback>();
        for (const change of changes) merged.set(change.userId, mergeFeedback(merged.get(change.userId), change));
        const expected = Array.from(merged.values()).sort((a, b) => (a.userId < b.userId ? -1 : 1));
        expect(await chat.listFeedback("t1")).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
}

function deliveryContract(open: () => Promise<ChatStore>): void {
  test("listDeliveries() gives the parts of a turn in order, as they were saved last", async () => {
    const chat = await open();
    const planned = { turnId: "t1", part: 1, state: "planned", changedAtMs: 1 } as const;
    const posted = { turnId: "t1", part: 0, state: "posted", messageId: "m0", changedAtMs: 2 } as const;
    await chat.saveDelivery(planned);
    await chat.saveDelivery({ ...posted, state: "planned" });
    await chat.saveDelivery(posted);

    expect(await chat.listDeliveries("t1")).toEqual([posted, planned]);
    expect(await chat.listDeliveries("t2")).toEqual([]);
  });
}

const HOSTILE = {
  sql: `'); DROP TABLE turn; --`,
  quotes: `"'\`\\`,
  nul: "before\u0000after",
  "lone surrogates": "\ud800 \udc00 \udfff",
  "keys of objects": "__proto__",
  "line ends": "\r\n\u2028\u2029",
  "escaped escapes": "\\u0000 %00 \\",
  emoji: "👩‍👩‍👧‍👦 🇵🇹 é é",
};

function hostileTextContract(open: () => Promise<ChatStore>): void {
  test.each(Object.entries(HOSTILE))("findTurn() gives back %s in text and ids as they were", async (_, text) => {
    const chat = await open();
    const turn = sampleTurn({
      id: text,
      conversationId: text,
      channelId: text,
      question: text,
      reply: text,
      messages: [{ messageId: text, role: "reply", part: 0 }],
    });
    await chat.saveTurn(turn);
    await chat.saveTurn(sampleTurn({ id: `${text} `, conversationId: text, position: 1, messages: [] }));
    await chat.acceptEvent(text, sampleMessage({ text, userId: text }), 1);
    const feedback = await chat.putFeedback(sampleChange({ turnId: text, userId: text, correction: text, score: 5 }));

    expect(await chat.findTurn(text)).toEqual(turn);
    expect(await chat.findTurnByMessage(SCOPE.workspaceId, text, text)).toEqual(turn);
    expect((await chat.listHistory(text, 9)).map(({ id }) => id)).toEqual([text, `${text} `]);
    expect(await chat.listFeedback(text)).toEqual([feedback]);
    expect((await chat.claimEvent({ claimedBy: "one", nowMs: 2, leaseMs: 9, eventId: text }))?.message.text).toBe(text);
  });

  test("findTurn() keeps texts apart that a lossy encoding would make the same", async () => {
    const chat = await open();
    const ids = ["a\u0000b", "a", "a\u0000c", "\ud800", "\ud801", "\ufffd", "\\ud800"];
    for (const id of ids) await chat.saveTurn(sampleTurn({ id, reply: JSON.stringify(id), messages: [] }));

    for (const id of ids) expect((await chat.findTurn(id))?.reply).toBe(JSON.stringify(id));
  });

  test("findTurn() gives back 60,000 characters", async () => {
    const chat = await open();
    const reply = "ação 😀\n".repeat(7500).slice(0, 60_000);
    await chat.saveTurn(sampleTurn({ reply }));

    expect((await chat.findTurn("t1"))?.reply).toBe(reply);
  });

  test("saveTurn() rejects a number that JSON cannot hold, and stores nothing", async () => {
    const chat = await open();

    await expect(chat.saveTurn(sampleTurn({ askedAtMs: Number.NaN }))).rejects.toThrow("turn");
    expect(await chat.findTurn("t1")).toBeUndefined();
  });

  test("saveTurn() rejects a turn whose domain would count as all domains", async () => {
    const chat = await open();

    await expect(chat.saveTurn(sampleTurn({ domain: "*" }))).rejects.toThrow("turn");
  });
}

function answerContract(open: () => Promise<ChatStore>): void {
  const delivery = { turnId: "t1", part: 0, state: "posted", messageId: "m2", changedAtMs: 5 } as const;

  test("saveAnswer() writes what it is given as the methods of each record do", async () => {
    const chat = await open();
    const conversation = sampleConversation();
    const turn = sampleTurn({ id: "t1", conversationId: conversation.id });
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.saveAnswer({ conversation, turn, delivery, finishedEventIds: ["e1", "unknown"] });

    expect(await chat.findConversation(conversation.id)).toEqual(conversation);
    expect(await chat.findTurn("t1")).toEqual(turn);
    expect(await chat.listDeliveries("t1")).toEqual([delivery]);
    expect(await chat.claimEvent({ claimedBy: "one", nowMs: 1_000_000, leaseMs: 1 })).toBeUndefined();
  });

  test("saveAnswer() leaves what it is not given", async () => {
    const chat = await open();
    const turn = sampleTurn({ id: "t1" });
    await chat.acceptEvent("e1", sampleMessage(), 1);
    await chat.saveAnswer({ turn });
    await chat.saveAnswer({ delivery });

    expect(await chat.findTurn("t1")).toEqual(turn);
    expect(await chat.listDeliveries("t1")).toEqual([delivery]);
    expect((await chat.claimEvent({ claimedBy: "one", nowMs: 2, leaseMs: 1 }))?.id).toBe("e1");
  });
}
