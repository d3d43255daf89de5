import { expect, test } from "vitest";
import { checkMessage, type MessageLimits } from "#bots/check-message.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { memoryRateLimiter } from "#store/memory/rate-limiter.ts";

const LIMITS: MessageLimits = {
  messageMaxChars: 100,
  messagesPerMinuteMax: 2,
  channelMessagesPerMinuteMax: 4,
  workspaceMessagesPerMinuteMax: 6,
  isPaused: false,
};

function openCheck(limits: Partial<MessageLimits> = {}) {
  const limiter = memoryRateLimiter();
  return async (given: Partial<IncomingMessage> = {}, nowMs = 0) => {
    const message: IncomingMessage = {
      platform: "discord",
      workspaceId: "discord:G1",
      channelId: "C1",
      visibility: "public",
      userId: "ana",
      messageId: "m",
      text: "Where is my refund?",
      sentAtMs: 0,
      ...given,
    };
    const checked = await checkMessage(message, { ...LIMITS, ...limits }, limiter, nowMs);
    return checked.isAccepted ? "accepted" : (checked.notice ?? "silent");
  };
}

async function collect(count: number, ask: (index: number) => Promise<string>): Promise<readonly string[]> {
  const outcomes: string[] = [];
  for (let index = 0; index < count; index++) outcomes.push(await ask(index));
  return outcomes;
}

test("checkMessage() tells a flooding person once a window, and again in the next one", async () => {
  const check = openCheck();

  expect(await collect(5, () => check())).toEqual([
    "accepted",
    "accepted",
    expect.stringContaining("ask again in 60 seconds"),
    "silent",
    "silent",
  ]);
  expect(await collect(4, () => check({}, 60_000))).toEqual([
    "accepted",
    "accepted",
    expect.stringContaining("ask again"),
    "silent",
  ]);
});

test("checkMessage() limits what a channel takes from many people, and leaves the other channels free", async () => {
  const check = openCheck();

  const outcomes = await collect(6, (index) => check({ userId: `person-${index}` }));

  expect(outcomes.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => "accepted"));
  expect(outcomes[4]).toContain("This channel");
  expect(outcomes[5]).toBe("silent");
  expect(await check({ userId: "somebody", channelId: "C2" })).toBe("accepted");
});

test("checkMessage() limits a workspace over its channels, tells each channel once, and leaves other workspaces free", async () => {
  const check = openCheck();
  const ask = (index: number) => check({ userId: `person-${index}`, channelId: `C${index % 3}` });

  const outcomes = await collect(12, ask);

  expect(outcomes.slice(0, 6)).toEqual(Array.from({ length: 6 }, () => "accepted"));
  expect(outcomes.slice(6)).toEqual([
    ...Array.from({ length: 3 }, () => expect.stringContaining("Many people")),
    ...Array.from({ length: 3 }, () => "silent"),
  ]);
  expect(await check({ workspaceId: "discord:G2" })).toBe("accepted");
});

test("checkMessage() tells each refusal of the local platform, whose pages wait for an answer", async () => {
  const check = openCheck();

  const outcomes = await collect(4, () => check({ platform: "local", workspaceId: "local:home" }));

  expect(outcomes.slice(2)).toEqual([expect.stringContaining("at once"), expect.stringContaining("at once")]);
});

test("checkMessage() refuses with a word while the place is paused", async () => {
  expect(await openCheck({ isPaused: true })()).toContain("paused");
});

test("checkMessage() takes a message without words when a file came with it", async () => {
  const file = { id: "f", name: "notes.txt", mediaType: "text/plain", bytes: 5, url: "" };
  const check = openCheck();

  expect(await check({ text: "" })).toContain("empty");
  expect(await check({ text: "", attachments: [file] })).toBe("accepted");
});
