import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Score } from "#core/feedback.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { Archive } from "#store/archive.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { Erased, PrivacyStore } from "#store/privacy-store.ts";
import type { CacheEntry, SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleChange,
  sampleConversation,
  sampleInstallation,
  sampleMessage,
  sampleReport,
  sampleSetting,
  sampleTurn,
  type TurnChanges,
} from "./sample-records.ts";

export interface OpenedPrivacy {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly moderation: ModerationStore;
  readonly settings: SettingStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly vectors: TurnVectorStore;
  readonly cache: SemanticCache;
  readonly archive: Archive;
}

const WORKSPACE = SCOPE.workspaceId;
const ELSEWHERE = "slack:T1";
/** After everything that the samples tell of. */
const LATER_MS = NOON_MS + 60_000;
/** Stands for somebody's words; found again wherever they were left. */
const SECRET = "zanzibar";
const NOBODY: Erased = { turnIds: [], feedback: 0 };

/** What every PrivacyStore promises, over the stores that it erases from. `open` gives empty stores. */
export function privacyStoreContract(open: () => Promise<OpenedPrivacy>): void {
  describe("one turn", () => turnContract(open));
  describe("late saves", () => lateContract(open));
  describe("a person", () => personContract(open));
  describe("other people's turns", () => holdersContract(open));
  describe("a place", () => placeContract(open));
  describe("age", () => ageContract(open));
  describe("counts", () => countsContract(open));
}

/** A turn whose words are in every place that words can be. */
async function sayEverywhere(store: OpenedPrivacy, changes: TurnChanges = {}): Promise<void> {
  const { chat, moderation, vectors, cache } = store;
  const sample = sampleTurn();
  const turn = sampleTurn({
    question: `Where is ${SECRET}?`,
    reply: `${SECRET} is an island.`,
    provenance: { ...sample.provenance, cache: { hit: "none", reason: `"${SECRET}" differs` } },
    ...changes,
  });
  const { id, askerId: userId, workspaceId, channelId, askedAtMs: sentAtMs } = turn;
  await chat.saveConversation(
    sampleConversation({ id: turn.conversationId, workspaceId, channelId, title: `Where is ${SECRET}?` }),
  );
  await chat.saveTurn({ ...turn, domain: { ...turn.domain, reason: `words: ${SECRET}` } });
  await chat.putFeedback(sampleChange({ turnId: id, workspaceId, userId: "ben", score: 5, comment: SECRET }));
  await chat.putFeedback(sampleChange({ turnId: id, workspaceId, userId, correction: SECRET, endorsedBy: "ben" }));
  await chat.saveDelivery({ turnId: id, part: 0, state: "posted", messageId: `${id}-reply`, changedAtMs: NOON_MS });
  await moderation.saveReport(sampleReport({ turnId: id, workspaceId, channelId, reportedBy: userId, reason: SECRET }));
  await vectors.putVector("e1", id, new Float32Array([1]));
  await cache.put(entryOf(id), 9);
  const attachments = [
    { id: "f", name: `${SECRET}.txt`, mediaType: "text/plain", bytes: 1, url: `https://x/${SECRET}` },
  ];
  await chat.acceptEvent(
    `event-${id}`,
    sampleMessage({ workspaceId, channelId, userId, messageId: `${id}-question`, text: SECRET, sentAtMs, attachments }),
    sentAtMs,
  );
}

function entryOf(turnId: string): CacheEntry {
  const times = { createdAtMs: NOON_MS, expiresAtMs: LATER_MS * 2, hits: 0 };
  const vector = new Float32Array([1, 0]);
  return { scope: "s", question: `${SECRET} ${turnId}`, reply: SECRET, turnId, domain: "support", vector, ...times };
}

/** Every record that still holds the secret, and the cache's. */
async function whereIsSecret({ archive, cache }: OpenedPrivacy): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of archive.exportLines()) lines.push(line);
  const entries = (await cache.inspect(99)).map((entry) => JSON.stringify({ kind: "cache-entry", ...entry }));
  return [...lines, ...entries].filter((line) => line.includes(SECRET));
}

async function statusesOf({ chat }: OpenedPrivacy, ids: readonly string[]): Promise<readonly (string | undefined)[]> {
  return Promise.all(ids.map(async (id) => (await chat.findTurn(id))?.status));
}

const claim = { claimedBy: "one", nowMs: LATER_MS, leaseMs: 1000 };

function turnContract(open: () => Promise<OpenedPrivacy>): void {
  test("eraseTurn() leaves ids and times, and the words nowhere", async () => {
    const store = await open();
    await sayEverywhere(store);
    const before = await store.chat.findTurn("t1");
    expect(await whereIsSecret(store)).toHaveLength(7);

    expect(await store.privacy.eraseTurn("t1")).toEqual({ turnIds: ["t1"], feedback: 2 });

    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.chat.findTurn("t1")).toEqual({
      ...before,
      question: "",
      reply: "",
      status: "deleted",
      domain: { ...before?.domain, reason: "" },
      provenance: { ...before?.provenance, cache: { hit: "none", reason: "" } },
    });
    expect(await store.vectors.getVectors("e1", ["t1"])).toEqual(new Map());
    expect(await store.chat.listFeedback("t1")).toEqual([]);
    const nearest = { scope: "s", vector: new Float32Array([1, 0]), similarityMin: 0, limit: 9, nowMs: NOON_MS };
    expect(await store.cache.findNearest(nearest)).toEqual([]);
    expect((await store.chat.findTurnByMessage(WORKSPACE, "web", "t1-reply"))?.id).toBe("t1");
    expect(await store.chat.listDeliveries("t1")).toHaveLength(1);
  });

  test("eraseTurn() leaves other turns alone, and their conversation's title when it is theirs", async () => {
    const store = await open();
    await sayEverywhere(store);
    await store.chat.saveTurn(sampleTurn({ id: "t2", position: 1, question: "And Ghana?" }));
    await store.privacy.eraseTurn("t2");

    expect((await store.chat.findTurn("t1"))?.question).toContain(SECRET);
    expect((await store.chat.findConversation("c1"))?.title).toContain(SECRET);
    expect(await whereIsSecret(store)).toHaveLength(7);
  });

  test("eraseTurn() has the event of its question done, so that nobody answers it any more", async () => {
    const store = await open();
    await sayEverywhere(store);
    await store.chat.acceptEvent("other", sampleMessage({ messageId: "m2" }), 1);
    await store.privacy.eraseTurn("t1");

    expect((await store.chat.claimEvent(claim))?.id).toBe("other");
    expect(await store.chat.claimEvent(claim)).toBeUndefined();
    expect(await store.chat.acceptEvent("event-t1", sampleMessage(), 3)).toBe(false);
  });

  test("eraseTurn() erases nothing when the turn is unknown or was erased before", async () => {
    const store = await open();
    await sayEverywhere(store);
    await store.privacy.eraseTurn("t1");

    expect(await store.privacy.eraseTurn("t1")).toEqual(NOBODY);
    expect(await store.privacy.eraseTurn("unknown")).toEqual(NOBODY);
  });

  test("findTurnByMessage() leads on to the other turns of a question as one after another is erased", async () => {
    const store = await open();
    const messages = [{ messageId: "q", role: "question", part: 0 } as const];
    await store.chat.saveTurn(sampleTurn({ id: "old", messages, askedAtMs: 1, status: "superseded" }));
    await store.chat.saveTurn(sampleTurn({ id: "new", messages, askedAtMs: 2 }));
    const found: string[] = [];
    for (;;) {
      const turn = await store.chat.findTurnByMessage(WORKSPACE, "web", "q");
      if (turn === undefined || turn.status === "deleted") break;
      found.push(turn.id);
      await store.privacy.eraseTurn(turn.id);
    }

    expect(found).toEqual(["new", "old"]);
  });
}

function lateContract(open: () => Promise<OpenedPrivacy>): void {
  test("saveTurn() brings no word back when a stream ends after the erasure", async () => {
    const store = await open();
    await sayEverywhere(store, { status: "streaming", reply: "Zan" });
    await store.privacy.eraseTurn("t1");
    const messages = [{ messageId: "last", role: "reply", part: 1 } as const];
    await sayAgain(store, { messages });

    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.chat.findTurn("t1")).toMatchObject({ status: "deleted", question: "", reply: "", messages });
    expect((await store.chat.findTurnByMessage(WORKSPACE, "web", "last"))?.id).toBe("t1");
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 0, conversations: 0 });
  });

  test("saveConversation() brings no title back", async () => {
    const store = await open();
    await sayEverywhere(store);
    await store.privacy.eraseTurn("t1");
    await store.chat.saveConversation(sampleConversation({ title: SECRET, turns: 4 }));

    expect(await store.chat.findConversation("c1")).toEqual(sampleConversation({ title: "", turns: 4 }));
  });

  test("putFeedback() rejects with TURN_UNKNOWN when the turn was erased", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.privacy.eraseTurn("t1");

    await expect(store.chat.putFeedback(sampleChange({ correction: SECRET }))).rejects.toMatchObject({
      code: "TURN_UNKNOWN",
    });
    expect(await store.chat.listFeedback("t1")).toEqual([]);
  });

  test("putVector(), put() and saveReport() keep nothing of an erased turn", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.privacy.eraseTurn("t1");
    await store.vectors.putVector("e1", "t1", new Float32Array([1]));
    await store.cache.put(entryOf("t1"), 9);
    await store.moderation.saveReport(sampleReport({ reason: SECRET }));

    expect(await store.vectors.getVectors("e1", ["t1"])).toEqual(new Map());
    expect(await store.cache.get("s", entryOf("t1").question, NOON_MS)).toBeUndefined();
    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.moderation.listReports({ workspaceId: WORKSPACE, limit: 9 })).toHaveLength(1);
  });

  test.each(["person", "channel", "workspace"] as const)(
    "saveTurn() keeps no word of a turn that was asked before its %s was erased and is stored only now",
    async (what) => {
      const store = await open();
      if (what === "person") await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS);
      else {
        const place = { workspaceId: WORKSPACE, ...(what === "channel" ? { channelId: "web" } : {}) };
        await store.privacy.erasePlace(place, NOON_MS);
      }
      await store.chat.saveTurn(sampleTurn({ id: "before", question: SECRET, askedAtMs: NOON_MS }));
      await store.chat.saveConversation(sampleConversation({ title: SECRET }));
      await store.chat.saveTurn(sampleTurn({ id: "after", conversationId: "c2", askedAtMs: NOON_MS + 1 }));

      expect(await statusesOf(store, ["before", "after"])).toEqual(["deleted", "complete"]);
      expect(await whereIsSecret(store)).toEqual([]);
      expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 2 });
    },
  );

  test("saveTurn() keeps no word of a turn that answers an erased one again", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.privacy.eraseTurn("t1");
    await store.chat.saveTurn(sampleTurn({ id: "t2", regenerationOf: "t1", question: SECRET }));

    expect(await whereIsSecret(store)).toEqual([]);
  });

  test("putFeedback() changes nothing when the person was erased after the event, and does later", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.privacy.erasePerson(WORKSPACE, "ben", LATER_MS);
    const late = await store.chat.putFeedback(sampleChange({ userId: "ben", score: 5, comment: SECRET }));
    expect(late).not.toHaveProperty("score");
    expect(await store.chat.listFeedback("t1")).toEqual([]);

    await store.chat.putFeedback(sampleChange({ userId: "ben", score: 4, atMs: LATER_MS + 1 }));
    expect(await store.chat.listFeedback("t1")).toMatchObject([{ userId: "ben", score: 4 }]);
  });
}

/** The save of somebody who did not hear of the erasure. */
async function sayAgain({ chat }: OpenedPrivacy, changes: TurnChanges): Promise<void> {
  await chat.saveTurn(sampleTurn({ question: `Where is ${SECRET}?`, reply: `${SECRET} is an island.`, ...changes }));
}

function personContract(open: () => Promise<OpenedPrivacy>): void {
  test("erasePerson() erases their words everywhere, and those of nobody else", async () => {
    const store = await open();
    await sayEverywhere(store);
    await sayEverywhere(store, { id: "mine", conversationId: "c2", askerId: "ana" });
    await store.chat.saveTurn(sampleTurn({ id: "theirs", conversationId: "c3", askerId: "ben", question: "Ghana?" }));
    await store.chat.saveTurn(sampleTurn({ id: "abroad", conversationId: "c4", workspaceId: ELSEWHERE }));

    const erased = await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect([...erased.turnIds].sort()).toEqual(["mine", "t1"]);
    expect(erased.feedback).toBe(4);
    expect(await whereIsSecret(store)).toEqual([]);
    expect(await statusesOf(store, ["theirs", "abroad"])).toEqual(["complete", "complete"]);
    expect((await store.chat.findTurn("theirs"))?.question).toBe("Ghana?");
    expect(await store.people.listDeletions()).toEqual([{ workspaceId: WORKSPACE, userId: "ana", atMs: LATER_MS }]);
  });

  test("erasePerson() takes back what they thought of other people's turns", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn({ askerId: "cy" }));
    await store.chat.putFeedback(sampleChange({ userId: "ana", score: 5, comment: SECRET }));
    await store.chat.putFeedback(sampleChange({ userId: "ben", correction: "No.", endorsedBy: "ana" }));
    await store.chat.putFeedback(sampleChange({ userId: "ben", endorsedBy: "cy" }));
    await store.moderation.saveReport(sampleReport({ reportedBy: "ana", reason: SECRET }));
    await store.moderation.saveReport(sampleReport({ reportedBy: "cy", reason: "rude" }));
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ feedback: 2, raters: 2, scoreSum: 10 });

    expect(await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS)).toEqual({ turnIds: [], feedback: 1 });

    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.chat.listFeedback("t1")).toMatchObject([{ userId: "ben", endorsedBy: ["cy"] }]);
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ feedback: 1, raters: 1, scoreSum: 5 });
    const reports = await store.moderation.listReports({ workspaceId: WORKSPACE, limit: 9 });
    expect(reports.map(({ reason }) => reason).sort()).toEqual(["rude", undefined]);
    expect((await store.chat.findTurn("t1"))?.status).toBe("complete");
  });

  test("erasePerson() names the turns whose taught answer went", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn({ askerId: "cy" }));
    await store.chat.putFeedback(sampleChange({ userId: "ana", correction: SECRET }));

    expect(await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS)).toEqual({ turnIds: ["t1"], feedback: 1 });
    expect((await store.chat.findTurn("t1"))?.reply).not.toBe("");
  });

  test("erasePerson() leaves none of their events to be answered", async () => {
    const store = await open();
    await store.chat.acceptEvent("waits", sampleMessage({ text: SECRET }), 1);
    await store.chat.acceptEvent("runs", sampleMessage({ text: SECRET }), 2);
    await store.chat.acceptEvent("theirs", sampleMessage({ userId: "ben" }), 3);
    await store.chat.claimEvent({ ...claim, eventId: "runs" });
    await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);
    await store.chat.renewEvent("runs", claim.claimedBy, 1);

    expect((await store.chat.claimEvent(claim))?.id).toBe("theirs");
    expect(await store.chat.claimEvent(claim)).toBeUndefined();
    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.chat.acceptEvent("waits", sampleMessage(), 4)).toBe(false);
  });

  test("erasePerson() keeps their choice, and erases a platform's clock that is ahead of ours", async () => {
    const store = await open();
    const choice = { workspaceId: WORKSPACE, userId: "ana", learns: false, changedAtMs: 1 };
    await store.people.putChoice(choice);
    await store.chat.saveTurn(sampleTurn({ askedAtMs: LATER_MS + 5000, question: SECRET }));
    await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.people.getChoice(WORKSPACE, "ana")).toEqual(choice);
  });

  test("erasePerson() erases more than fits into one write", async () => {
    const store = await open();
    const ids = Array.from({ length: 130 }, (_, index) => `t${index}`);
    for (const id of ids) await store.chat.saveTurn(sampleTurn({ id, question: SECRET }));
    for (const id of ids) await store.chat.saveTurn(sampleTurn({ id: `b${id}`, askerId: "ben", conversationId: id }));
    for (const id of ids) await store.chat.putFeedback(sampleChange({ turnId: `b${id}`, comment: SECRET, score: 1 }));

    const erased = await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect([...erased.turnIds].sort()).toEqual([...ids].sort());
    expect(erased.feedback).toBe(130);
    expect(await whereIsSecret(store)).toEqual([]);
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 260, feedback: 0 });
  });

  test("erasePerson() takes ids as they are, whatever they look like", async () => {
    const store = await open();
    const userId = `'); -- % "\\ \u0000 \ud800`;
    await store.chat.saveTurn(sampleTurn({ id: userId, askerId: userId, workspaceId: userId, question: SECRET }));
    await store.chat.saveTurn(sampleTurn({ id: "t2", askerId: "'); -- % \"\\ \u0000", workspaceId: userId }));
    await store.privacy.erasePerson(userId, userId, LATER_MS);

    expect(await whereIsSecret(store)).toEqual([]);
    expect(await statusesOf(store, ["t2"])).toEqual(["complete"]);
    expect(await store.privacy.listWorkspaces()).toEqual([userId]);
  });

  test("exportPerson() gives what is kept about them, oldest first, and no words of others", async () => {
    const { chat, people, moderation, privacy } = await open();
    const first = sampleTurn({ askedAtMs: NOON_MS - 9 });
    const second = sampleTurn({ id: "t2", conversationId: "c2", question: "Second?" });
    await chat.saveTurn(second);
    await chat.saveTurn(first);
    await chat.saveTurn(sampleTurn({ id: "theirs", conversationId: "c2", askerId: "ben" }));
    await chat.saveTurn(sampleTurn({ id: "erased" }));
    await privacy.eraseTurn("erased");
    await chat.saveConversation(sampleConversation());
    await chat.saveConversation(sampleConversation({ id: "c2", title: "Ben's words", openedAtMs: NOON_MS + 1 }));
    const late = await chat.putFeedback(sampleChange({ turnId: "theirs", score: 5 }));
    const early = await chat.putFeedback(sampleChange({ score: 4, atMs: NOON_MS }));
    await chat.putFeedback(sampleChange({ userId: "ben", score: 1 }));
    await people.putChoice({ workspaceId: WORKSPACE, userId: "ana", learns: true, changedAtMs: 3 });
    await moderation.saveReport(sampleReport({ reportedBy: "ana" }));
    await moderation.saveReport(sampleReport());

    expect(await privacy.exportPerson(WORKSPACE, "ana")).toEqual({
      turns: [first, second],
      conversations: [
        sampleConversation({ title: "" }),
        sampleConversation({ id: "c2", title: "", openedAtMs: NOON_MS + 1 }),
      ],
      feedback: [early, late],
      reports: [sampleReport({ reportedBy: "ana" })],
      choice: { workspaceId: WORKSPACE, userId: "ana", learns: true, changedAtMs: 3 },
    });
    const nothing = { turns: [], conversations: [], feedback: [], reports: [] };
    expect(await privacy.exportPerson(ELSEWHERE, "ana")).toEqual(nothing);
  });

  test("exportPerson() gives a conversation's title to who asked first", async () => {
    const { chat, privacy } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.saveConversation(sampleConversation());

    expect((await privacy.exportPerson(WORKSPACE, "ana")).conversations).toEqual([sampleConversation()]);
  });
}

function holdersContract(open: () => Promise<OpenedPrivacy>): void {
  /** Ben's, in a conversation of his own unless said otherwise. */
  const theirs = (id: string, changes: TurnChanges) =>
    sampleTurn({ id, conversationId: id, askerId: "ben", ...changes });
  const repeats = (sourceTurnId: string): TurnChanges => ({ cache: { hit: "exact", reason: "same", sourceTurnId } });
  const shown = (...exampleTurnIds: readonly string[]): TurnChanges => ({
    provenance: { ...sampleTurn().provenance, exampleTurnIds },
  });

  test.each<{ name: string; changes: TurnChanges }>([
    { name: "had it in its history", changes: { conversationId: "c1", inputTurnIds: ["x", "t1"] } },
    { name: "was shown it as an example", changes: shown("x", "t1") },
    { name: "repeats it from the cache", changes: repeats("t1") },
    { name: "answers it again", changes: { regenerationOf: "t1" } },
  ])("erasePerson() erases a turn of somebody else that $name", async ({ changes }) => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.chat.saveTurn(theirs("t2", { question: SECRET, ...changes }));
    await store.chat.saveTurn(theirs("t3", { conversationId: "c1", inputTurnIds: ["x"] }));

    const erased = await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect([...erased.turnIds].sort()).toEqual(["t1", "t2"]);
    expect(await statusesOf(store, ["t1", "t2", "t3"])).toEqual(["deleted", "deleted", "complete"]);
    expect(await whereIsSecret(store)).toEqual([]);
  });

  test("erasePerson() erases what repeats a turn that goes, however often, and not what was said two prompts later", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn());
    await store.chat.saveTurn(theirs("next", { conversationId: "c1", inputTurnIds: ["t1"] }));
    await store.chat.saveTurn(theirs("repeated", repeats("next")));
    await store.chat.saveTurn(theirs("again", { regenerationOf: "repeated" }));
    await store.chat.saveTurn(theirs("later", { conversationId: "c1", inputTurnIds: ["next"] }));
    await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect(await statusesOf(store, ["next", "repeated", "again"])).toEqual(["deleted", "deleted", "deleted"]);
    expect(await statusesOf(store, ["later"])).toEqual(["complete"]);
  });

  test("erasePerson() erases a turn that was shown an answer that they taught", async () => {
    const store = await open();
    await store.chat.saveTurn(theirs("t1", {}));
    await store.chat.putFeedback(sampleChange({ correction: SECRET }));
    await store.chat.saveTurn(theirs("t2", { ...shown("t1"), reply: SECRET }));

    const erased = await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect([...erased.turnIds].sort()).toEqual(["t1", "t2"]);
    expect(await statusesOf(store, ["t1", "t2"])).toEqual(["complete", "deleted"]);
    expect(await whereIsSecret(store)).toEqual([]);
  });

  test.each([
    { name: "a long chain", last: {} },
    { name: "a circle", last: repeats("r99") },
  ])("erasePerson() comes to an end when repeats make $name", async ({ last }) => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn(last));
    for (let index = 0; index < 100; index += 1) {
      await store.chat.saveTurn(theirs(`r${index}`, repeats(index === 0 ? "t1" : `r${index - 1}`)));
    }

    expect((await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS)).turnIds).toHaveLength(101);
  });
}

function placeContract(open: () => Promise<OpenedPrivacy>): void {
  async function fillPlaces(store: OpenedPrivacy): Promise<void> {
    await sayEverywhere(store);
    await store.chat.saveTurn(sampleTurn({ id: "next door", conversationId: "c2", channelId: "other" }));
    await store.chat.saveTurn(sampleTurn({ id: "abroad", conversationId: "c3", workspaceId: ELSEWHERE }));
    for (const workspaceId of [WORKSPACE, ELSEWHERE]) {
      await store.settings.putSetting(sampleSetting({ workspaceId }));
      await store.settings.putSetting(sampleSetting({ workspaceId, channelId: "web" }));
      await store.people.putPermission({ ...GRANT, workspaceId });
      await store.people.putChoice({ workspaceId, userId: "ana", learns: false, changedAtMs: 1 });
      await store.platforms.saveInstallation(sampleInstallation({ workspaceId }));
      await store.platforms.takeMark(`notice ${workspaceId} web`, 1);
      await store.platforms.putCursor(`channel ${workspaceId}`, 1);
    }
    await store.moderation.saveReport(sampleReport({ turnId: "next door", channelId: "other" }));
  }
  const GRANT = { level: "examples", grantedBy: "eve", wordingVersion: 1, changedAtMs: 1 } as const;

  test("erasePlace() erases a channel with its reports, and nothing beside it", async () => {
    const store = await open();
    await fillPlaces(store);

    const erased = await store.privacy.erasePlace({ workspaceId: WORKSPACE, channelId: "web" }, LATER_MS);

    const places = [{ workspaceId: WORKSPACE, channelId: "web", atMs: LATER_MS }];
    expect(await store.people.listErasedPlaces()).toEqual(places);
    expect(erased).toEqual({ turnIds: ["t1"], feedback: 2 });
    expect(await whereIsSecret(store)).toEqual([]);
    expect(await statusesOf(store, ["t1", "next door", "abroad"])).toEqual(["deleted", "complete", "complete"]);
    const reports = await store.moderation.listReports({ workspaceId: WORKSPACE, limit: 9 });
    expect(reports.map(({ turnId }) => turnId)).toEqual(["next door"]);
    expect(await store.settings.listSettings()).toHaveLength(4);
    expect(await store.people.getPermission(WORKSPACE)).toBeDefined();
    expect(await store.chat.claimEvent(claim)).toBeUndefined();
  });

  test("erasePlace() erases a whole workspace with all that is its own, and no other", async () => {
    const store = await open();
    await fillPlaces(store);
    const revision = await store.settings.settingsRevision();

    const erased = await store.privacy.erasePlace({ workspaceId: WORKSPACE }, LATER_MS);

    expect([...erased.turnIds].sort()).toEqual(["next door", "t1"]);
    expect(await store.settings.settingsRevision()).toBeGreaterThan(revision);
    const settings = await store.settings.listSettings();
    expect(settings.map(({ workspaceId }) => workspaceId)).toEqual([ELSEWHERE, ELSEWHERE]);
    expect(await store.people.getPermission(WORKSPACE)).toBeUndefined();
    expect(await store.people.getPermission(ELSEWHERE)).toBeDefined();
    expect(await store.people.getChoice(WORKSPACE, "ana")).toBeUndefined();
    expect(await store.people.getChoice(ELSEWHERE, "ana")).toBeDefined();
    expect(await store.moderation.listReports({ workspaceId: WORKSPACE, limit: 9 })).toEqual([]);
    const installations = await store.platforms.listInstallations("slack");
    expect(installations.map(({ workspaceId }) => workspaceId)).toEqual([ELSEWHERE]);
    expect(await store.platforms.takeMark(`notice ${WORKSPACE} web`, 2)).toBe(true);
    expect(await store.platforms.takeMark(`notice ${ELSEWHERE} web`, 2)).toBe(false);
    expect(await store.platforms.getCursor(`channel ${WORKSPACE}`)).toBeUndefined();
    expect(await store.platforms.getCursor(`channel ${ELSEWHERE}`)).toBe(1);
    expect(await store.privacy.listWorkspaces()).toEqual([ELSEWHERE]);
    expect(await whereIsSecret(store)).toEqual([]);
  });

  test("erasePlace() forgets the marks of the workspace that is named, not of one whose id begins so", async () => {
    const store = await open();
    await store.platforms.takeMark("notice slack:T12", 1);
    await store.platforms.takeMark("slack:T1", 1);
    await store.privacy.erasePlace({ workspaceId: "slack:T1" }, LATER_MS);

    expect(await store.platforms.takeMark("notice slack:T12", 2)).toBe(false);
    expect(await store.platforms.takeMark("slack:T1", 2)).toBe(true);
  });

  test("listWorkspaces() gives those with a turn that is not erased, once each", async () => {
    const { chat, privacy } = await open();
    for (const [id, workspaceId] of Object.entries({ a: "slack:T2", b: "slack:T1", c: "slack:T2", d: "x\u0000y" })) {
      await chat.saveTurn(sampleTurn({ id, workspaceId }));
    }
    expect([...(await privacy.listWorkspaces())].sort()).toEqual(["slack:T1", "slack:T2", "x\u0000y"]);
    await privacy.eraseTurn("b");

    expect([...(await privacy.listWorkspaces())].sort()).toEqual(["slack:T2", "x\u0000y"]);
  });
}

function ageContract(open: () => Promise<OpenedPrivacy>): void {
  test("eraseBefore() erases the oldest turns of one workspace, up to the limit", async () => {
    const store = await open();
    for (let index = 0; index < 5; index += 1) {
      await store.chat.saveTurn(sampleTurn({ id: `t${index}`, askedAtMs: NOON_MS + index }));
    }
    await store.chat.saveTurn(sampleTurn({ id: "abroad", workspaceId: ELSEWHERE, askedAtMs: 1 }));

    expect((await store.privacy.eraseBefore(WORKSPACE, NOON_MS + 4, 3)).turnIds).toEqual(["t0", "t1", "t2"]);
    expect((await store.privacy.eraseBefore(WORKSPACE, NOON_MS + 4, 3)).turnIds).toEqual(["t3"]);
    expect(await store.privacy.eraseBefore(WORKSPACE, NOON_MS + 4, 3)).toEqual(NOBODY);
    expect(await statusesOf(store, ["t4", "abroad"])).toEqual(["complete", "complete"]);
  });

  test("eraseBefore() leaves a younger turn that had an old one in its prompt", async () => {
    const store = await open();
    await store.chat.saveTurn(sampleTurn({ askedAtMs: 1 }));
    await store.chat.saveTurn(sampleTurn({ id: "t2", inputTurnIds: ["t1"] }));
    await store.privacy.eraseBefore(WORKSPACE, NOON_MS, 9);

    expect(await statusesOf(store, ["t1", "t2"])).toEqual(["deleted", "complete"]);
  });

  test("resumeErasures() does nothing when nothing was cut short", async () => {
    const store = await open();
    await sayEverywhere(store, { askerId: "cy" });
    await store.privacy.erasePerson(WORKSPACE, "ana", LATER_MS);

    expect(await store.privacy.resumeErasures()).toEqual(NOBODY);
    expect(await statusesOf(store, ["t1"])).toEqual(["complete"]);
  });
}

const ids = ["t0", "t1", "t2", "t3"];
const users = ["ana", "ben"];
const anyTurn = fc.record({
  id: fc.constantFrom(...ids),
  askerId: fc.constantFrom(...users),
  conversationId: fc.constantFrom("c1", "c2"),
  channelId: fc.constantFrom("web", "other"),
  domain: fc.constantFrom("support", "legal"),
  status: fc.constantFrom("streaming", "complete", "complete", "superseded" as const),
  askedAtMs: fc.integer({ min: 0, max: 9 }),
  inputTurnIds: fc.subarray(ids),
});
const anyScore = fc.record({
  turnId: fc.constantFrom(...ids),
  userId: fc.constantFrom(...users),
  atMs: fc.integer({ min: 0, max: 9 }),
  score: fc.constantFrom<(Score | null)[]>(null, 1, 5),
});
const anyAct = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("turn" as const), turn: anyTurn }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("score" as const), change: anyScore }) },
  fc.record({ kind: fc.constant("erase turn" as const), id: fc.constantFrom(...ids) }),
  fc.record({
    kind: fc.constant("erase person" as const),
    userId: fc.constantFrom(...users),
    atMs: fc.integer({ min: 0, max: 9 }),
  }),
  fc.record({ kind: fc.constant("erase channel" as const), channelId: fc.constantFrom("web", "other") }),
  fc.record({ kind: fc.constant("erase old" as const), beforeMs: fc.integer({ min: 0, max: 9 }) }),
);
type Act = typeof anyAct extends fc.Arbitrary<infer T> ? T : never;

async function act({ chat, privacy }: OpenedPrivacy, one: Act): Promise<void> {
  if (one.kind === "turn") await chat.saveTurn(sampleTurn(one.turn));
  else if (one.kind === "erase turn") await privacy.eraseTurn(one.id);
  else if (one.kind === "erase person") await privacy.erasePerson(WORKSPACE, one.userId, one.atMs);
  else if (one.kind === "erase channel") {
    await privacy.erasePlace({ workspaceId: WORKSPACE, channelId: one.channelId }, 5);
  } else if (one.kind === "erase old") await privacy.eraseBefore(WORKSPACE, one.beforeMs, 2);
  else {
    const turn = await chat.findTurn(one.change.turnId);
    if (turn !== undefined && turn.question !== "") await chat.putFeedback(sampleChange(one.change));
  }
}

function countsContract(open: () => Promise<OpenedPrivacy>): void {
  test("readCounts() equals counting everything again after any saves and erasures", async () => {
    const read = ({ learning }: OpenedPrivacy) =>
      Promise.all(["support", "legal", ALL_DOMAINS].map((domain) => learning.readCounts({ ...SCOPE, domain }, 0)));
    const rated = async ({ learning }: OpenedPrivacy) =>
      (await learning.pageRatedTurns({ scope: { ...SCOPE, domain: ALL_DOMAINS }, sinceMs: 0, limit: 9 })).map(
        ({ turn }) => turn.id,
      );
    await fc.assert(
      fc.asyncProperty(fc.array(anyAct, { maxLength: 30 }), async (acts) => {
        const store = await open();
        for (const one of acts) await act(store, one);
        const kept = [await read(store), await rated(store)];
        await store.learning.rebuildCounts();
        expect([await read(store), await rated(store)]).toEqual(kept);
      }),
      { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 25) },
    );
  });
}
