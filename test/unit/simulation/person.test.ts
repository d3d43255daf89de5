import { expect, onTestFinished, test, vi } from "vitest";
import type { LocalChat } from "#bots/local-chat.ts";
import type { Feedback } from "#core/feedback.ts";
import { askAndReact, askQuestion, isSameAnswer, type Taste } from "#simulation/person.ts";
import { openWorld } from "../../fixtures/dashboard/open-world.ts";

const FACT = { id: "f", questions: ["Where is my refund?", "?"], heldOut: ["?"], answer: "In five days.", vague: [] };
const TASTE: Taste = { reactsToRight: 1, reactsToWrong: 1, teaches: 0, slips: 0 };

async function openPerson(reply: string) {
  const world = await openWorld({ answer: () => ({ text: reply }) });
  onTestFinished(() => world.close());
  const exchange = (taste: Partial<Taste>, random = () => 0.5) =>
    askAndReact(
      {
        localChat: world.connector,
        collect: async (feedback) => (await world.parts.collectFeedback(feedback)) as Feedback | undefined,
        random,
        now: Date.now,
      },
      { id: "ana", channelId: "simulated:ana", taste: { ...TASTE, ...taste } },
      { fact: FACT, question: "Where is my refund?" },
    );
  const feedback = async () => {
    const [conversation] = await world.store.chat.listConversations({ workspaceId: "local:home", limit: 1 });
    const [turn] = await world.store.chat.listHistory(conversation?.id ?? "", 1);
    return world.store.chat.listFeedback(turn?.id ?? "");
  };
  return { ...world, exchange, feedback };
}

test("askAndReact() likes a right reply", async () => {
  const { exchange, feedback } = await openPerson("in five  days");

  expect(await exchange({})).toMatchObject({ isRight: true, score: expect.toSatisfy((score) => score >= 4) });
  expect(await feedback()).toMatchObject([{ userId: "ana", source: "reaction" }]);
});

test("askAndReact() dislikes a wrong reply", async () => {
  const { exchange } = await openPerson("Never.");

  expect(await exchange({})).toMatchObject({ isRight: false, score: expect.toSatisfy((score) => score <= 2) });
});

test("askAndReact() presses the opposite when the finger slips", async () => {
  const { exchange } = await openPerson("Never.");

  expect(await exchange({ slips: 1 })).toMatchObject({
    isRight: false,
    score: expect.toSatisfy((score) => score >= 4),
  });
});

test("askAndReact() teaches the answer instead of an emoji", async () => {
  const { exchange, feedback } = await openPerson("Never.");

  expect(await exchange({ reactsToWrong: 0, teaches: 1 })).toEqual({ isRight: false, wasTaught: true });
  expect(await feedback()).toMatchObject([{ correction: "In five days." }]);
});

test("askAndReact() teaches nothing when the reply is right, and leaves it when the person does not care", async () => {
  const { exchange, feedback } = await openPerson("In five days.");

  expect(await exchange({ reactsToRight: 0, teaches: 1 })).toEqual({ isRight: true, wasTaught: false });
  expect(await feedback()).toEqual([]);
});

test("askQuestion() rejects when the question was not accepted, and waits no longer", async () => {
  let subscriptions = 0;
  const localChat: LocalChat = {
    ask: () => Promise.reject(new Error("Disk full")),
    react: async () => {},
    subscribe() {
      subscriptions++;
      return () => {
        subscriptions--;
      };
    },
  };

  await expect(askQuestion(localChat, { userId: "u", channelId: "c", text: "?" })).rejects.toThrow("Disk full");
  expect(subscriptions).toBe(0);
});

test("askQuestion() rejects when no reply comes in time", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const localChat: LocalChat = {
    ask: async () => ({ messageId: "m1" }),
    react: async () => {},
    subscribe: () => () => {},
  };

  const asking = expect(askQuestion(localChat, { userId: "u", channelId: "c", text: "?" })).rejects.toThrow("no reply");
  await vi.advanceTimersByTimeAsync(120_001);
  await asking;
});

test.each([
  ["In five days.", "in  five days", true],
  ["In five days!", "In five days.", true],
  ["In five days", "In six days", false],
  ["", "In five days", false],
])("isSameAnswer() of %j and %j is %s", (given, wanted, expected) => {
  expect(isSameAnswer(given, wanted)).toBe(expected);
});
