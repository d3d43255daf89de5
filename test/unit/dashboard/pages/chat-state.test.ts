import { expect, test } from "vitest";
import type { TurnView } from "#dashboard/api-records.ts";
import {
  type ChatAction,
  type ChatState,
  emptyChat,
  isAnswering,
  reduceChat,
} from "../../../../src/dashboard/pages/chat/chat-state.ts";
import { groupExchanges } from "../../../../src/dashboard/pages/chat/exchanges.ts";

function turn(changes: Partial<TurnView> = {}): TurnView {
  return {
    id: "t1",
    conversationId: "c1",
    threadId: "x1",
    position: 0,
    messageId: "ana.m1",
    question: "Why?",
    reply: "Because",
    status: "complete",
    domain: { domain: "general", by: "default", score: 0, reason: "no domain is near" },
    model: "tiny",
    cache: { hit: "none", reason: "a new question" },
    promptTokens: 1,
    replyTokens: 1,
    totalMs: 1,
    turnsCut: 0,
    endedBy: "stop",
    askedAtMs: 1,
    feedback: {},
    ...changes,
  };
}

const sent: ChatAction = {
  kind: "question.sent",
  draft: { clientMessageId: "m1", question: "Why?", state: "sending" },
};
const accepted: ChatAction = { kind: "question.accepted", clientMessageId: "m1", messageId: "ana.m1", threadId: "x1" };
const grown: ChatAction = {
  kind: "event",
  event: { kind: "reply", turnId: "t1", messageId: "ana.m1", text: "Bec" },
};
const ended: ChatAction = { kind: "event", event: { kind: "turn", turn: turn() } };

function reduceAll(actions: readonly ChatAction[], from: ChatState = emptyChat): ChatState {
  return actions.reduce(reduceChat, from);
}

test("reduceChat() turns a question into a turn of the conversation that it opened", () => {
  const state = reduceAll([sent, accepted, grown, ended]);

  expect(state).toMatchObject({ conversationId: "c1", threadId: "x1", drafts: [], turns: [{ id: "t1" }] });
  expect(state.live.size).toBe(0);
  expect(isAnswering(state)).toBe(false);
});

test("reduceChat() takes a reply that is quicker than the answer to the request", () => {
  const state = reduceAll([sent, grown, ended, accepted]);

  expect(state.drafts).toEqual([]);
  expect(state.turns).toHaveLength(1);
});

test("reduceChat() keeps the growing text of a question on its way", () => {
  const state = reduceAll([sent, accepted, grown]);

  expect(state.drafts[0]).toMatchObject({ state: "waiting", turnId: "t1" });
  expect(state.live.get("t1")).toBe("Bec");
  expect(isAnswering(state)).toBe(true);
});

test("reduceChat() leaves turns of other conversations out", () => {
  const state = reduceAll([
    sent,
    ended,
    { kind: "event", event: { kind: "turn", turn: turn({ id: "t9", conversationId: "c9", messageId: "ana.m9" }) } },
  ]);

  expect(state.turns.map((item) => item.id)).toEqual(["t1"]);
});

test("reduceChat() shows a refused question with its reason, until it is dismissed", () => {
  const error = { code: "QUEUE_FULL", message: "Full", hint: "Wait" };
  const refused = reduceAll([sent, { kind: "question.refused", clientMessageId: "m1", error }]);

  expect(refused.drafts[0]).toMatchObject({ state: "refused", error });
  expect(isAnswering(refused)).toBe(false);
  expect(reduceChat(refused, { kind: "draft.dismissed", clientMessageId: "m1" }).drafts).toEqual([]);
});

test("reduceChat() shows a notice in place of a reply", () => {
  const notice: ChatAction = { kind: "event", event: { kind: "notice", messageId: "ana.m1", text: "Too often" } };

  expect(reduceAll([sent, accepted, notice]).drafts[0]).toMatchObject({ state: "noticed", notice: "Too often" });
});

test("reduceChat() keeps what was shown when the turn is told again without it", () => {
  const failed = turn({ status: "failed", reply: "", shown: "I could not finish" });
  const state = reduceAll([
    sent,
    { kind: "event", event: { kind: "turn", turn: failed } },
    { kind: "event", event: { kind: "turn", turn: turn({ status: "failed", reply: "" }) } },
  ]);

  expect(state.turns[0]?.shown).toBe("I could not finish");
});

test("reduceChat() ignores a conversation that was left before it was read", () => {
  const conversation = {
    id: "c1",
    title: "Why?",
    domain: "general",
    turns: 1,
    openedAtMs: 1,
    lastTurnAtMs: 1,
    isClosed: false,
  };
  const state = reduceAll([
    { kind: "conversation.opening", conversationId: "c1" },
    { kind: "conversation.opening", conversationId: "c2" },
    { kind: "conversation.read", conversation, turns: [turn()] },
  ]);

  expect(state).toMatchObject({ conversationId: "c2", turns: [] });
});

test("groupExchanges() puts all answers to one question together, the one on its way last", () => {
  const turns = [turn(), turn({ id: "t2", question: "How?" }), turn({ id: "t3", regenerationOf: "t1" })];
  const draft = { clientMessageId: "m4", question: "Why?", state: "waiting", regenerationOf: "t3" } as const;

  const exchanges = groupExchanges(turns, [draft]);

  expect(exchanges.map(({ key, versions }) => [key, versions.map((version) => version.key)])).toEqual([
    ["t1", ["t1", "t3", "m4"]],
    ["t2", ["t2"]],
  ]);
});

const run = { id: "r1", line: "/status", below: 1, state: "running" } as const;

test("a command stays where it was typed while it is answered, and goes when it is dismissed", () => {
  const typed = reduceAll([sent, accepted, ended, { kind: "command.changed", run }]);
  const other: ChatAction = { kind: "command.changed", run: { ...run, id: "r2", line: "/help" } };
  const reply = { text: "All well" };

  const answered = reduceAll([other, { kind: "command.changed", run: { ...run, state: "answered", reply } }], typed);

  expect(answered.commands.map(({ id, state, below }) => [id, state, below])).toEqual([
    ["r1", "answered", 1],
    ["r2", "running", 1],
  ]);
  expect(reduceAll([{ kind: "command.dismissed", id: "r1" }], answered).commands.map(({ id }) => id)).toEqual(["r2"]);
});

test("commands are of the conversation that they were typed in: another one begins without them", () => {
  const typed = reduceAll([sent, accepted, ended, { kind: "command.changed", run }]);

  expect(reduceAll([{ kind: "conversation.new" }], typed).commands).toEqual([]);
  expect(reduceAll([{ kind: "conversation.opening", conversationId: "c2" }], typed).commands).toEqual([]);
  expect(isAnswering(typed)).toBe(false);
});
