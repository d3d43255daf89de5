import { expect, test, vi } from "vitest";
import type { MessageGlance } from "#bots/intake.ts";
import type { GenerateChunk, GenerateRequest } from "#inference/inference-engine.ts";
import { GUILD, OTHER_GUILD, openIntakeWorld } from "./intake-world.ts";

const GLANCE: MessageGlance = {
  workspaceId: GUILD,
  channelId: "C1",
  visibility: "public",
  userId: "ana",
  roles: [],
  isAddressed: true,
};

/** Says half an answer, then waits for its end: `release` or a stop. */
function slowModel() {
  const waiting: (() => void)[] = [];
  const generate = async function* (request: GenerateRequest): AsyncGenerator<GenerateChunk> {
    yield { kind: "text", text: "Half " };
    await new Promise<void>((resolve) => {
      waiting.push(resolve);
      request.signal.addEventListener("abort", () => resolve());
    });
    const isCancelled = request.signal.aborted;
    if (!isCancelled) yield { kind: "text", text: `of ${request.messages.at(-1)?.content}` };
    const endedBy = isCancelled ? "cancelled" : "stop";
    yield { kind: "end", endedBy, promptTokens: 1, replyTokens: 1, totalMs: 1 };
  };
  const release = () => {
    for (const end of waiting.splice(0)) end();
  };
  return { generate, release };
}

test.each([
  ["addressed in a channel", {}, {}, true],
  ["not addressed", {}, { isAddressed: false }, false],
  ["not addressed where nobody needs to", { mention: "not-required" }, { isAddressed: false }, true],
  ["not addressed in a direct message", {}, { isAddressed: false, visibility: "direct" }, true],
  ["in another channel than those allowed", { allowedChannels: ["C2"] }, {}, false],
  ["in an allowed channel", { allowedChannels: ["C1"] }, {}, true],
  ["in a direct message beside a list of channels", { allowedChannels: ["C2"] }, { visibility: "direct" }, true],
  ["without an allowed role", { allowedRoles: ["r1"] }, { roles: ["r2"] }, false],
  ["with an allowed role", { allowedRoles: ["r1"] }, { roles: ["r2", "r1"] }, true],
  ["without an allowed role in a direct message", { allowedRoles: ["r1"] }, { visibility: "direct" }, false],
  ["while it is paused", { isPaused: true }, {}, false],
] as const)("wants() decides on a message %s", async (_what, place, glance, isWanted) => {
  const { intake } = await openIntakeWorld({ place });

  expect(intake.wants({ ...GLANCE, ...glance })).toBe(isWanted);
});

test("acceptMessage() answers once when the message comes twice", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.say("m1", "My order?");

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My order?"]);
  expect(world.shown.filter(({ act }) => act === "post")).toHaveLength(1);
});

test("acceptMessage() tells once per channel what is stored, also after a start", async () => {
  const world = await openIntakeWorld({ firstContactNotice: true });
  await world.say("m1", "My order?");
  await world.say("m2", "My order?");
  await world.say("m3", "My order?", { channelId: "C2" });
  await world.say("m4", "My order?", { channelId: "D1", visibility: "direct" });

  expect(world.told.map(({ channelId, text }) => [channelId, text.includes("/privacy")])).toEqual([
    ["C1", true],
    ["C2", true],
    ["D1", true],
  ]);
  expect(await world.store.platforms.takeMark(`first-contact ${GUILD} C1 told`, 1)).toBe(false);
});

test("acceptMessage() tells the notice another time when the platform did not take it", async () => {
  const world = await openIntakeWorld({ firstContactNotice: true });
  world.connector.tell = async () => {
    throw new Error("HTTP 500");
  };
  await world.say("m1", "My order?");

  expect(await world.store.platforms.takeMark(`first-contact ${GUILD} C1 told`, 1)).toBe(true);
  expect([...world.seen.values()]).toHaveLength(1);
});

test("acceptMessage() leaves a message out whose deletion came before it", async () => {
  const world = await openIntakeWorld();

  await world.intake.acceptDeletion(world.place("m1"));
  await world.say("m1", "My order?");
  await world.say("m2", "My refund?");

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My refund?"]);
  expect(await world.store.chat.findTurn("turn-e-m1")).toBeUndefined();
});

test("acceptMessage() leaves nothing of a message that is deleted in the same moment", async () => {
  const world = await openIntakeWorld();

  await Promise.all([
    world.intake.acceptMessage("e-m1", world.message("m1", "My order?")),
    world.intake.acceptDeletion(world.place("m1")),
  ]);
  await world.settle();

  expect(world.seen.size).toBe(0);
});

test("acceptMessage() answers the newer words when their edit came before the message", async () => {
  const world = await openIntakeWorld();

  await world.intake.acceptEdit({ ...world.place("m1"), text: "My refund?", editedAtMs: 7 });
  await world.say("m1", "My order?");

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My refund?"]);
});

test.each([
  ["the one before", "My first thought?"],
  ["one that went back to the first words", "My order?"],
])("acceptEdit() keeps the newest words when an older edit comes after %s", async (_what, newest) => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");

  await world.intake.acceptEdit({ ...world.place("m1"), text: newest, editedAtMs: 9 });
  await world.settle();
  await world.intake.acceptEdit({ ...world.place("m1"), text: "My refund?", editedAtMs: 8 });
  await world.settle();

  expect([...world.seen.values()].map(({ text }) => text)).toEqual([`You said: ${newest}`]);
});

test("acceptEdit() answers the new text in the old answer's post, once for each edit", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");

  const edit = { ...world.place("m1"), text: "My refund?", editedAtMs: 7 };
  await world.intake.acceptEdit(edit);
  await world.intake.acceptEdit(edit);
  await world.settle();
  await world.intake.acceptEdit({ ...edit, text: "My other refund?", editedAtMs: 8 });
  await world.settle();

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My other refund?"]);
  expect(world.requests).toHaveLength(3);
});

test("acceptEdit() takes the place of an answer that is being written", async () => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));

  await world.intake.acceptEdit({ ...world.place("m1"), text: "My refund?", editedAtMs: 7 });
  await vi.waitFor(() => expect(world.requests).toHaveLength(2));
  model.release();
  await world.settle();

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["Half of My refund?"]);
});

test("acceptEdit() ignores what was never asked, the same text, and a text that came too late or while paused", async () => {
  const world = await openIntakeWorld({ place: { editWindowMs: 60_000 } });
  await world.say("m1", "My order?");
  await world.intake.acceptEdit({ ...world.place("unknown"), text: "New?", editedAtMs: 7 });
  await world.intake.acceptEdit({ ...world.place("m1"), text: "My order? ", editedAtMs: 8 });
  world.settings.place = { isPaused: true };
  await world.intake.acceptEdit({ ...world.place("m1"), text: "New?", editedAtMs: 9 });
  world.settings.place = { editWindowMs: 60_000 };
  world.clock.nowMs += 60_000;
  await world.intake.acceptEdit({ ...world.place("m1"), text: "New?", editedAtMs: 10 });
  await world.settle();

  expect(world.requests).toHaveLength(1);
});

test("acceptDeletion() erases question and answer, takes the reply away, and has what learned from it forgotten", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.say("m2", "My refund?");

  await world.intake.acceptDeletion(world.place("m1"));
  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "deleted", question: "", reply: "" });
  await world.settle();

  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My refund?"]);
  expect(world.forgotten).toEqual([{ turnIds: ["turn-e-m1"], reason: "the question was deleted" }]);
  expect(await world.store.cache.inspect(10)).not.toContainEqual(expect.objectContaining({ turnId: "turn-e-m1" }));
});

test("acceptDeletion() takes no other answer when it comes twice, and others have asked in between", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.intake.acceptDeletion(world.place("m1"));
  await world.settle();
  await world.say("m2", "My refund?");

  await world.intake.acceptDeletion(world.place("m1"));
  await world.settle();

  expect(await world.store.chat.findTurn("turn-e-m2")).toMatchObject({ status: "complete", question: "My refund?" });
  expect([...world.seen.values()].map(({ text }) => text)).toEqual(["You said: My refund?"]);
});

test("acceptDeletion() erases every revision of the question, with what was said of them", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  const correction = { source: "command", correction: "Ask Ana.", userId: "ben", atMs: world.clock.nowMs } as const;
  await world.intake.acceptFeedback({ ...world.place("turn-e-m1.0"), ...correction });
  for (const editedAtMs of [7, 8]) {
    await world.intake.acceptEdit({ ...world.place("m1"), text: `My refund ${editedAtMs}?`, editedAtMs });
    await world.settle();
  }
  expect(await world.store.chat.listFeedback("turn-e-m1")).toMatchObject([{ correction: "Ask Ana." }]);

  await world.intake.acceptDeletion(world.place("m1"));
  await world.settle();

  expect(await world.store.chat.listFeedback("turn-e-m1")).toEqual([]);
  expect(world.forgotten).toMatchObject([{ turnIds: expect.arrayContaining(["turn-e-m1"]) }]);
  expect(world.forgotten[0]?.turnIds).toHaveLength(3);
  expect(world.seen.size).toBe(0);
});

test("acceptDeletion() erases answers that were asked for again with the question's", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.say("m1", "My order?", { regenerationOf: "turn-e-m1", messageId: "again" });
  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "complete" });

  await world.intake.acceptDeletion(world.place("m1"));
  await world.settle();

  expect(world.seen.size).toBe(0);
});

test("acceptDeletion() takes back an answer that is being written, and keeps no word of it", async () => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));

  await world.intake.acceptDeletion(world.place("m1"));
  await world.settle();

  expect(world.seen.size).toBe(0);
  const turn = await world.store.chat.findTurn("turn-e-m1");
  expect(turn).toMatchObject({ status: "deleted", question: "", reply: "" });
  expect((await world.store.chat.findConversation(turn?.conversationId ?? ""))?.title).toBe("");
});

test("acceptDeletion() leaves the turn alone when our own reply was removed", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");

  await world.intake.acceptDeletion(world.place("turn-e-m1.0"));

  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "complete", question: "My order?" });
});

test("acceptFeedback() counts a reaction on a reply that still grows", async () => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));

  await world.react("turn-e-m1.0", "ben", "😍");
  await world.react("m1", "eva", "😍");
  model.release();
  await world.settle();

  expect(await world.scores("turn-e-m1")).toEqual([["ben", 5]]);
});

test("acceptReactions() takes over what stands under a reply that still grows", async () => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));
  await world.react("turn-e-m1.0", "ben", "😍");

  const reactions = [{ userId: "eva", emoji: "🙂" }];
  await world.intake.acceptReactions({ ...world.place("turn-e-m1.0"), reactions, atMs: world.clock.nowMs });
  model.release();
  await world.settle();

  expect(await world.scores("turn-e-m1")).toEqual([
    ["ben", undefined],
    ["eva", 4],
  ]);
});

test("acceptFeedback() reads an emoji as its place counts it", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  world.settings.place = { emoji: new Map([["🎉", 4] as const]) };

  await world.react("turn-e-m1.0", "ben", "🎉");
  await world.react("turn-e-m1.0", "eva", "😍");

  expect(await world.scores("turn-e-m1")).toEqual([["ben", 4]]);
});

test("acceptReactions() takes over what was added, changed and taken back meanwhile, and leaves other scores alone", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  const reply = "turn-e-m1.0";
  for (const userId of ["stays", "changes", "goes"]) await world.react(reply, userId, "😍");
  for (const userId of ["button", "button-only"]) {
    await world.intake.acceptFeedback({
      ...world.place(reply),
      userId,
      source: "button",
      score: 2,
      atMs: world.clock.nowMs,
    });
  }

  await world.intake.acceptReactions({
    ...world.place(reply),
    reactions: [
      { userId: "stays", emoji: "😍" },
      { userId: "changes", emoji: "😞" },
      { userId: "comes", emoji: "🙂" },
      { userId: "comes", emoji: "🚀" },
      { userId: "button", emoji: "😍" },
      { userId: "elsewhere", emoji: "🚀" },
    ],
    atMs: world.clock.nowMs + 100,
  });

  expect(await world.scores("turn-e-m1")).toEqual([
    ["button", 2],
    ["button-only", 2],
    ["changes", 1],
    ["comes", 4],
    ["goes", undefined],
    ["stays", 5],
  ]);
});

test("acceptReactions() scores once when the same reactions are read again and again", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  const reply = "turn-e-m1.0";
  await world.react(reply, "ana", "😞");
  await world.react(reply, "ana", "😍");
  const reactions = [
    { userId: "ana", emoji: "😞" },
    { userId: "ana", emoji: "😍" },
    { userId: "ben", emoji: "🙂" },
  ];

  for (let reads = 1; reads <= 3; reads++) {
    await world.intake.acceptReactions({ ...world.place(reply), reactions, atMs: world.clock.nowMs + reads });
  }

  expect(await world.scores("turn-e-m1")).toEqual([
    ["ana", 5],
    ["ben", 4],
  ]);
});

test("acceptReactions() takes no emoji of a person who had their data erased since the reply", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.react("turn-e-m1.0", "ben", "😍");
  await world.store.privacy.erasePerson(GUILD, "ben", world.clock.nowMs + 1);

  const reactions = ["ben", "eva"].map((userId) => ({ userId, emoji: "😍" }));
  await world.intake.acceptReactions({ ...world.place("turn-e-m1.0"), reactions, atMs: world.clock.nowMs + 100 });

  expect(await world.scores("turn-e-m1")).toEqual([["eva", 5]]);
});

test("acceptReactions() does not score new words by the emoji that stood under the old ones", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.react("turn-e-m1.0", "ben", "😍");
  const editedAtMs = world.clock.nowMs + 1;
  await world.intake.acceptEdit({ ...world.place("m1"), text: "My refund?", editedAtMs });
  await world.settle();
  world.clock.nowMs = editedAtMs;
  await world.react("turn-e-m1.0", "eva", "🙂");
  const late = { ...world.place("turn-e-m1.0"), userId: "ben", source: "reaction", emoji: "😍" } as const;
  await world.intake.acceptFeedback({ ...late, atMs: editedAtMs - 1 });

  const turn = await world.store.chat.findTurnByMessage(GUILD, "C1", "turn-e-m1.0");
  const reactions = [{ userId: "ben", emoji: "😍" }];
  await world.intake.acceptReactions({ ...world.place("turn-e-m1.0"), reactions, atMs: world.clock.nowMs + 100 });

  expect(turn?.id).not.toBe("turn-e-m1");
  expect(await world.scores(turn?.id ?? "")).toEqual([["eva", undefined]]);
});

test("acceptReactions() changes nothing when a later event was stored already", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");
  await world.react("turn-e-m1.0", "ben", "😞");

  const reactions = [{ userId: "ben", emoji: "😍" }];
  await world.intake.acceptReactions({ ...world.place("turn-e-m1.0"), reactions, atMs: world.clock.nowMs - 100 });

  expect(await world.scores("turn-e-m1")).toEqual([["ben", 1]]);
});

test.each(["m1", "turn-e-m1.0"])("stopReply() ends the reply that message %s names", async (messageId) => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));

  expect(await world.intake.stopReply(world.place(messageId))).toBe(true);
  await world.settle();

  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "cancelled", reply: "Half" });
  expect(await world.intake.stopReply(world.place(messageId))).toBe(false);
});

test("acceptPlaceEvent() welcomes a workspace once, with its next steps", async () => {
  const world = await openIntakeWorld();
  for (const isNew of [true, false, true]) {
    await world.intake.acceptPlaceEvent({ kind: "joined", workspaceId: GUILD, isNew, adminId: "root" });
    await world.settle();
  }

  expect(world.told).toMatchObject([{ workspaceId: GUILD, onlyTo: "root" }]);
  expect(world.told[0]?.text).toMatch(/1\..*2\..*3\./su);
});

test("acceptPlaceEvent() erases a workspace that the bot was removed from, and greets it when it comes back", async () => {
  const world = await openIntakeWorld();
  await world.intake.acceptPlaceEvent({ kind: "joined", workspaceId: GUILD, isNew: true });
  await world.say("m1", "My order?");
  await world.say("m2", "My order?", { workspaceId: OTHER_GUILD });
  world.clock.nowMs += 1000;

  await world.intake.acceptPlaceEvent({ kind: "left", workspaceId: GUILD });
  await world.settle();

  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "deleted", question: "" });
  expect(await world.store.chat.findTurn("turn-e-m2")).toMatchObject({ status: "complete" });
  expect(world.forgotten).toEqual([{ turnIds: ["turn-e-m1"], reason: "the place is gone" }]);
  expect(await world.store.people.listAudit(5)).toMatchObject([{ what: "workspace.erased", workspaceId: GUILD }]);
  world.clock.nowMs += 1000;
  await world.intake.acceptPlaceEvent({ kind: "joined", workspaceId: GUILD, isNew: true });
  await world.settle();
  expect(world.told).toHaveLength(2);
});

test("acceptPlaceEvent() erases a deleted channel, what is being answered there included", async () => {
  const model = slowModel();
  const world = await openIntakeWorld({ generate: model.generate });
  await world.intake.acceptMessage("e-m1", world.message("m1", "My order?"));
  await vi.waitFor(() => expect(world.seen.size).toBe(1));
  world.clock.nowMs += 1000;

  await world.intake.acceptPlaceEvent({ kind: "channel-deleted", workspaceId: GUILD, channelId: "C1" });
  await world.settle();

  expect(await world.store.chat.findTurn("turn-e-m1")).toMatchObject({ status: "deleted", question: "", reply: "" });
  const left = await world.store.chat.claimEvent({
    claimedBy: "next",
    nowMs: world.clock.nowMs + 3_600_000,
    leaseMs: 1,
  });
  expect(left).toBeUndefined();
});

test("acceptPlaceEvent() begins another conversation for the new audience when a channel becomes private", async () => {
  const world = await openIntakeWorld();
  await world.say("m1", "My order?");

  await world.intake.acceptPlaceEvent({
    kind: "visibility-changed",
    workspaceId: GUILD,
    channelId: "C1",
    visibility: "private",
  });
  await world.say("m2", "And now?", { visibility: "private" });

  expect(await world.store.chat.findTurn("turn-e-m2")).toMatchObject({ audience: "channel:C1", inputTurnIds: [] });
  expect(world.requests.at(-1)?.messages.map(({ content }) => content)).toEqual(["Be kind.", "And now?"]);
});
