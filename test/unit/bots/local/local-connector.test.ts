import { expect, test } from "vitest";
import type { PlatformFeedback } from "#bots/intake.ts";
import { createLocalConnector } from "#bots/local/local-connector.ts";
import type { LocalReply } from "#bots/local-chat.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { partialIntake } from "../../../fixtures/bots/recording-intake.ts";

const PART = {
  turnId: "t1",
  workspaceId: "local:home",
  channelId: "web",
  inReplyTo: "m1",
  askerId: "ana",
  part: 0,
  actions: [],
} as const;

async function startedConnector() {
  const messages: { eventId: string; message: IncomingMessage }[] = [];
  const feedback: PlatformFeedback[] = [];
  let ids = 0;
  const connector = createLocalConnector({ now: () => 5000, newId: () => `id${++ids}` });
  await connector.start(
    partialIntake({
      acceptMessage: async (eventId, message) => void messages.push({ eventId, message }),
      acceptFeedback: async (change) => void feedback.push(change),
    }),
  );
  return { connector, messages, feedback };
}

test("ask() hands in a public message under an event id made of its message id", async () => {
  const { connector, messages } = await startedConnector();

  const asked = await connector.ask({ userId: "ana", channelId: "web", threadId: "x", text: "Hello", messageId: "m1" });

  expect(asked).toEqual({ messageId: "m1" });
  expect(messages).toEqual([
    {
      eventId: "local:m1",
      message: {
        platform: "local",
        workspaceId: "local:home",
        channelId: "web",
        threadId: "x",
        visibility: "public",
        userId: "ana",
        messageId: "m1",
        text: "Hello",
        sentAtMs: 5000,
      },
    },
  ]);
});

test("ask() makes a message id when none is given", async () => {
  const { connector, messages } = await startedConnector();

  expect(await connector.ask({ userId: "ana", channelId: "web", text: "Hello" })).toEqual({ messageId: "id1" });
  expect(messages[0]?.eventId).toBe("local:id1");
});

test("ask() rejects when the message could not be made durable", async () => {
  const connector = createLocalConnector({ now: Date.now, newId: () => "id" });
  await connector.start(
    partialIntake({
      acceptMessage: async () => {
        throw new Error("Disk full");
      },
    }),
  );

  await expect(connector.ask({ userId: "ana", channelId: "web", text: "Hello" })).rejects.toThrow("Disk full");
});

test("ask() rejects before the start and after the stop", async () => {
  const { connector } = await startedConnector();
  await connector.stop();

  await expect(connector.ask({ userId: "ana", channelId: "web", text: "Hello" })).rejects.toThrow("has not started");
});

test("react() hands in the emoji as it is, and its removal", async () => {
  const { connector, feedback } = await startedConnector();
  const reaction = { userId: "ana", channelId: "web", messageId: "t1.0", emoji: "🦄" };

  await connector.react(reaction);
  await connector.react({ ...reaction, isRemoval: true });

  const handed = { ...reaction, workspaceId: "local:home", source: "reaction", atMs: 5000 };
  expect(feedback).toEqual([handed, { ...handed, isRemoval: true }]);
});

test("subscribe() tells the growing text of its channel, and no other", async () => {
  const { connector } = await startedConnector();
  const heard: LocalReply[] = [];
  const end = connector.subscribe("web", (reply) => heard.push(reply));

  const posted = await connector.post({ ...PART, text: "Hel", isFinal: false });
  await connector.edit(posted, { ...PART, text: "Hello", isFinal: true });
  await connector.post({ ...PART, turnId: "t2", channelId: "other", text: "Secret", isFinal: true });
  end();
  await connector.post({ ...PART, turnId: "t3", text: "Too late", isFinal: true });

  expect(heard.map(({ text, isFinal }) => ({ text, isFinal }))).toEqual([
    { text: "Hel", isFinal: false },
    { text: "Hello", isFinal: true },
  ]);
  expect(heard[0]?.messageId).toBe(posted.messageId);
});

test("subscribe() tells a reply that is under way at once, and an ended one not", async () => {
  const { connector } = await startedConnector();
  await connector.post({ ...PART, text: "Half a", isFinal: false });
  await connector.post({ ...PART, turnId: "t2", text: "Whole", isFinal: true });
  const heard: LocalReply[] = [];

  connector.subscribe("web", (reply) => heard.push(reply));

  expect(heard.map((reply) => reply.text)).toEqual(["Half a"]);
});

test("subscribe() tells the parts of a reply as one text", async () => {
  const { connector } = await startedConnector();
  const heard: LocalReply[] = [];
  connector.subscribe("web", (reply) => heard.push(reply));

  await connector.post({ ...PART, text: "One, ", isFinal: false });
  await connector.post({ ...PART, part: 1, text: "two", isFinal: false });

  expect(heard.at(-1)?.text).toBe("One, two");
});

test("post() gives the same message id when a part is posted again after a crash", async () => {
  const { connector } = await startedConnector();
  const { connector: restarted } = await startedConnector();

  const before = await connector.post({ ...PART, text: "Hello", isFinal: false });
  const after = await restarted.post({ ...PART, text: "Hello", isFinal: true });

  expect(after).toEqual(before);
});

test("reconcile() finds a part that is being shown and not one that was lost", async () => {
  const { connector } = await startedConnector();
  const posted = await connector.post({ ...PART, text: "Hello", isFinal: false });

  expect(await connector.reconcile(PART)).toEqual(posted);
  expect(await connector.reconcile({ ...PART, turnId: "lost" })).toBeUndefined();
});
