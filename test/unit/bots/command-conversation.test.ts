import { expect, test } from "vitest";
import { ADMIN, openCommandWorld } from "./command-world.ts";

test("/ask shows the question to all and hands it back to be asked", async () => {
  const { say } = await openCommandWorld();

  expect(await say("/ask Where is\nmy refund?")).toEqual({
    text: "> Where is\n> my refund?",
    isPublic: true,
    ask: { question: "Where is\nmy refund?" },
  });
});

test("/new closes the conversation of the place, and says when none was open", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const before = await askHere("Where is my refund?");

  expect((await say("/new")).text).toContain("A new conversation.");
  expect((await say("/new")).text).toContain("There is nothing to leave behind");

  expect((await askHere("And now?")).conversationId).not.toBe(before.conversationId);
  expect(await store.chat.listConversations({ workspaceId: "discord:1", limit: 9 })).toHaveLength(2);
});

test("/new leaves the conversations of other channels and threads open", async () => {
  const { say, askHere } = await openCommandWorld();
  const inThread = await askHere("Where is my refund?", { threadId: "t1" });
  const elsewhere = await askHere("Where is my refund?", { channelId: "c2" });

  await say("/new");

  expect((await askHere("More?", { threadId: "t1" })).conversationId).toBe(inThread.conversationId);
  expect((await askHere("More?", { channelId: "c2" })).conversationId).toBe(elsewhere.conversationId);
});

test("/regenerate answers the question of the message again", async () => {
  let said = 0;
  const { say, askHere, accepted, store } = await openCommandWorld({ answer: () => ({ text: `answer ${++said}` }) });
  const turn = await askHere("Where is my refund?");
  await askHere("And my order?");

  expect((await say("/regenerate", { messageId: `${turn.id}.0`, userId: "ben" })).text).toBe(
    "I am answering it again.",
  );

  expect(accepted).toMatchObject([{ regenerationOf: turn.id, messageId: "m1", userId: "ben", channelId: "c1" }]);
  const turns = await store.chat.listHistory(turn.conversationId, 9);
  expect(turns.map(({ question, reply }) => [question, reply])).toContainEqual(["Where is my refund?", "answer 3"]);
});

test("/regenerate says that there is nothing to answer again", async () => {
  const { say } = await openCommandWorld();

  expect((await say("/regenerate")).text).toContain("I have answered nothing here yet");
});

test("/help lists what the caller may use, as the platform writes it", async () => {
  const { say } = await openCommandWorld();

  const ofPerson = (await say("/help")).text;
  const ofAdmin = (await say("/help", ADMIN)).text;
  const onSlack = (await say("/help", { platform: "slack", workspaceId: "slack:1" })).text;

  expect(ofPerson).toContain("`/rate [score 1-5] [comment…]`");
  expect(ofPerson).toContain("😞 😕 😐 🙂 😍");
  expect(ofPerson).not.toContain("/settings");
  expect(ofAdmin).toContain("`/settings ");
  // One message of Discord.
  expect(ofAdmin.length).toBeLessThan(2000);
  expect(onSlack).toContain("`/reactune rate ");
});
