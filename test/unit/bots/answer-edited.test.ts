import { expect, test } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import { type AskedMessage, ReplyStopped } from "#bots/overlap.ts";
import type { GenerateChunk, GenerateRequest } from "#inference/inference-engine.ts";
import { openChatWorld } from "./chat-world.ts";

type World = Awaited<ReturnType<typeof openChatWorld>>;

function answerAs(world: World, turnId: string, message: AskedMessage) {
  return answerMessage(world.parts, world.connector, turnId, message, new AbortController().signal);
}

/** Says one word, then waits until it is stopped; `onWord` is called in between. */
function hanging(onWord: () => void) {
  return async function* (request: GenerateRequest): AsyncGenerator<GenerateChunk> {
    yield { kind: "text", text: "Half an answer" };
    await new Promise((resolve) => setTimeout(resolve, 30));
    onWord();
    if (!request.signal.aborted) await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    yield { kind: "end", endedBy: "cancelled", promptTokens: 1, replyTokens: 3, totalMs: 1 };
  };
}

test("answerMessage() answers an edited question in the posts of its first answer, and the first loses its words", async () => {
  const world = await openChatWorld();
  const message = world.incoming("My secret order?");
  const first = await world.answer(message);
  await world.ask("And what else?");

  await answerAs(world, "turn-edit", { ...message, text: "My order?", revision: 1 });

  expect("turn" in first).toBe(true);
  expect([...world.seen].map(([id, { text }]) => [id, text])).toEqual([
    ["turn-m1.0", "You said: My order?"],
    ["turn-m2.0", "You said: And what else?"],
  ]);
  const edited = await world.store.chat.findTurn("turn-edit");
  expect(edited).toMatchObject({
    revision: 1,
    position: 0,
    messages: [
      { messageId: "m1", role: "question" },
      { messageId: "turn-m1.0", role: "reply" },
    ],
  });
  expect(await world.store.chat.findTurn("turn-m1")).toMatchObject({ status: "superseded", question: "", reply: "" });
  expect((await world.store.chat.findTurnByMessage("local:home", "web", "turn-m1.0"))?.id).toBe("turn-edit");
  expect(world.requests.at(-1)?.messages.map(({ content }) => content)).toEqual(["Be kind.", "My order?"]);
  expect(await world.store.cache.inspect(10)).not.toContainEqual(expect.objectContaining({ turnId: "turn-m1" }));
});

test("answerMessage() goes on in the same posts when a kill came while the edited question was answered", async () => {
  const world = await openChatWorld();
  const message = world.incoming("My secret order?");
  await world.answer(message);
  const edit = { ...message, text: "My order?", revision: 1 };
  await answerAs(world, "turn-edit", edit);
  const turn = await world.store.chat.findTurn("turn-edit");
  if (turn === undefined) throw new Error("There is no turn");
  await world.store.chat.saveTurn({ ...turn, status: "streaming", reply: "", messages: turn.messages.slice(0, 1) });

  await answerAs(world, "turn-edit", edit);

  expect([...world.seen.keys()]).toEqual(["turn-m1.0"]);
  expect(await world.store.chat.findTurn("turn-edit")).toMatchObject({ status: "complete", question: "My order?" });
});

test("answerMessage() opens another conversation for an edit in a channel that is private by now", async () => {
  const world = await openChatWorld();
  const message = world.incoming("My order?");
  await world.answer(message);

  await answerAs(world, "turn-edit", { ...message, text: "My other order?", revision: 1, visibility: "private" });

  const turn = await world.store.chat.findTurn("turn-edit");
  expect(turn?.audience).toBe("channel:web");
  expect(turn?.conversationId).not.toBe((await world.store.chat.findTurn("turn-m1"))?.conversationId);
});

test("answerMessage() leaves the posts of a reply that an edit stopped, without its words in the store", async () => {
  const stop = new AbortController();
  const world = await openChatWorld({ generate: hanging(() => stop.abort(new ReplyStopped("edited"))) });

  await world.answer(world.incoming("My order?"), stop.signal);

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["Half an answer"]);
  expect(await world.store.chat.findTurn("turn-m1")).toMatchObject({ status: "superseded", question: "", reply: "" });
});

test("answerMessage() takes back what was posted when the question is gone, and keeps no word of it", async () => {
  const stop = new AbortController();
  const world = await openChatWorld({ generate: hanging(() => stop.abort(new ReplyStopped("deleted"))) });

  await world.answer(world.incoming("My order?"), stop.signal);

  expect(world.shown.length).toBeGreaterThan(0);
  expect([...world.seen]).toEqual([]);
  expect(await world.store.chat.findTurn("turn-m1")).toMatchObject({ status: "deleted", question: "", reply: "" });
  expect(await world.store.cache.inspect(10)).toEqual([]);
});

test("answerMessage() stores nothing of a question that was gone before its turn began", async () => {
  const stop = new AbortController();
  stop.abort(new ReplyStopped("deleted"));
  const world = await openChatWorld();

  await world.answer(world.incoming("My order?"), stop.signal);

  expect(await world.store.chat.findTurn("turn-m1")).toBeUndefined();
  expect(world.shown).toEqual([]);
});

test("answerMessage() supersedes a reply that a newer message replaced, and leaves it out of the history", async () => {
  const stop = new AbortController();
  const world = await openChatWorld({ generate: hanging(() => stop.abort(new ReplyStopped("replaced"))) });
  await world.answer(world.incoming("My order?"), stop.signal);

  expect(await world.store.chat.findTurn("turn-m1")).toMatchObject({ status: "superseded", reply: "Half an answer" });
  const conversation = (await world.store.chat.findTurn("turn-m1"))?.conversationId ?? "";
  expect(await world.store.chat.listHistory(conversation, 10)).toEqual([]);
});

test("answerMessage() answers joined messages in one turn that every one of them leads to", async () => {
  const world = await openChatWorld();
  const message = world.incoming("One?\n\nTwo?", { messageId: "b" });

  await answerAs(world, "turn-a", { ...message, joinedMessageIds: ["a"] });

  for (const id of ["a", "b"]) {
    expect((await world.store.chat.findTurnByMessage("local:home", "web", id))?.id).toBe("turn-a");
  }
  expect(world.seen.get("turn-a.0")).toMatchObject({ under: "b", text: "You said: One?\n\nTwo?" });
});

test("answerMessage() asks all joined messages again after a kill, though only the first event comes back", async () => {
  const world = await openChatWorld();
  const message = world.incoming("One?\n\nTwo?", { messageId: "b" });
  await answerAs(world, "turn-a", { ...message, joinedMessageIds: ["a"] });
  const turn = await world.store.chat.findTurn("turn-a");
  if (turn === undefined) throw new Error("There is no turn");
  await world.store.chat.saveTurn({ ...turn, status: "streaming", reply: "" });

  await answerAs(world, "turn-a", { ...message, messageId: "a", text: "One?" });

  expect(await world.store.chat.findTurn("turn-a")).toMatchObject({
    question: "One?\n\nTwo?",
    status: "complete",
    messages: [
      { messageId: "b", role: "question" },
      { messageId: "a", role: "question" },
      { messageId: "turn-a.0", role: "reply" },
    ],
  });
});
