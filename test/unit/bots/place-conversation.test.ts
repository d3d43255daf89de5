import { expect, test } from "vitest";
import { placeConversation, startNewConversation } from "#bots/place-conversation.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";

const MESSAGE: IncomingMessage = {
  platform: "slack",
  workspaceId: "slack:T1",
  channelId: "C1",
  visibility: "private",
  userId: "ana",
  messageId: "m1",
  text: "Where is\nmy refund?",
  sentAtMs: 10_000,
};
const SETTINGS = { gapMs: 1000 };

function openPlaces() {
  const { chat } = openTempStore();
  let ids = 0;
  const place = async (given: Partial<IncomingMessage> = {}) => {
    const conversation = await placeConversation(chat, { ...MESSAGE, ...given }, SETTINGS, () => `c${++ids}`);
    await chat.saveConversation({ ...conversation, lastTurnAtMs: given.sentAtMs ?? MESSAGE.sentAtMs });
    return conversation;
  };
  return { chat, place };
}

test("placeConversation() opens one for the audience that can read the place", async () => {
  const { place } = openPlaces();

  expect(await place()).toMatchObject({ id: "c1", audience: "channel:C1", title: "Where is my refund?", turns: 0 });
});

test("placeConversation() goes on within the gap, and opens another one after it", async () => {
  const { chat, place } = openPlaces();

  expect((await place()).id).toBe("c1");
  expect((await place({ sentAtMs: 11_000 })).id).toBe("c1");
  expect((await place({ sentAtMs: 12_001 })).id).toBe("c2");
  expect((await chat.findConversation("c1"))?.closedAtMs).toBe(12_001);
});

test("placeConversation() keeps threads and channels apart", async () => {
  const { place } = openPlaces();

  const ids = [await place(), await place({ threadId: "t1" }), await place({ channelId: "C2" }), await place()];

  expect(ids.map(({ id }) => id)).toEqual(["c1", "c2", "c3", "c1"]);
});

test("startNewConversation() closes what is open, and is false when nothing is", async () => {
  const { chat, place } = openPlaces();
  await place();
  const where = { workspaceId: "slack:T1", channelId: "C1" };

  expect(await startNewConversation(chat, where, 10_500)).toBe(true);
  expect(await startNewConversation(chat, where, 10_600)).toBe(false);
  expect((await place({ sentAtMs: 10_700 })).id).toBe("c2");
});
