import { expect, test } from "vitest";
import { createPrivacyActs } from "#bots/privacy-requests.ts";
import { sqliteJobQueue } from "#jobs/sqlite/job-queue.ts";
import { THRESHOLDS } from "../trainer/training-world.ts";
import { SUPPORT } from "./chat-world.ts";
import { openLearningWorld } from "./learning-world.ts";

const HOME = "local:home";
const ANA = { workspaceId: HOME, userId: "ana" };

async function openPrivacy() {
  const world = await openLearningWorld({ answer: (question) => ({ text: `Answer to ${question}` }) });
  const now = () => world.clock.nowMs++;
  const acts = createPrivacyActs({
    ...world.activateParts,
    privacy: world.store.privacy,
    jobs: sqliteJobQueue({ database: world.store.jobsDatabase, now, pollMs: 20, retryMs: 1 }),
    readiness: { thresholds: THRESHOLDS, days: 30 },
    isEnabled: true,
    now,
  });
  return {
    ...world,
    acts,
    findExamples: () => {
      return world.finder.find({ scope: SUPPORT, question: "refund please now", exceptTurnIds: new Set() });
    },
    async serveAdapterOf(...sourceTurnIds: readonly string[]) {
      const counts = {
        train: 1,
        valid: 0,
        negatives: 0,
        pairs: 0,
        liked: 1,
        corrected: 0,
        servedAgain: 0,
        dropped: [],
      };
      const hash = "d".repeat(64);
      await world.store.learning.saveDataset({
        ...counts,
        hash,
        scope: SUPPORT,
        createdAtMs: 1,
        days: 30,
        sourceTurnIds,
      });
      const digest = await world.makeAdapter("one");
      await world.activate(digest);
      return digest;
    },
  };
}

test("describe() counts what is kept and says what it is used for", async () => {
  const world = await openPrivacy();
  const turn = await world.ask("refund please");
  await world.think(turn.id, { userId: "ana", score: 4, correction: "Better" });

  const text = await world.acts.describe(ANA);

  expect(text).toContain("1 question with the answers");
  expect(text).toContain("1 score, 1 taught answer, 0 reports");
  expect(text).toContain("Learning here: `adapters`");
  expect(text).toContain("You did not opt out");
});

test("choose() keeps a person's words out of examples at once, and lets them back in", async () => {
  const world = await openPrivacy();
  const turn = await world.ask("refund please");
  await world.think(turn.id, { score: 5 });
  expect(await world.findExamples()).toHaveLength(1);

  expect(await world.acts.choose(ANA, false)).toContain("You opted out");
  expect(await world.findExamples()).toEqual([]);
  expect(await world.acts.describe(ANA)).toContain("nothing of yours teaches it");
  await world.acts.choose(ANA, true);
  expect(await world.findExamples()).toHaveLength(1);
});

test("exportData() gives one person's words as JSON, and nobody else's", async () => {
  const world = await openPrivacy();
  const mine = await world.ask("refund of ana");
  const theirs = await world.ask("secret refund of bea", { userId: "bea", channelId: "other" });
  await world.think(mine.id, { userId: "bea", correction: "bea taught this" });
  await world.think(theirs.id, { userId: "ana", score: 2, comment: "ana's comment" });
  await world.ask("refund elsewhere", { workspaceId: "discord:1" });

  const text = await world.acts.exportData(ANA);

  const data = JSON.parse(text);
  expect(data.questions).toMatchObject([{ id: mine.id, question: "refund of ana", answer: "Answer to refund of ana" }]);
  expect(data.feedback).toMatchObject([{ id: theirs.id, score: 2, comment: "ana's comment" }]);
  expect(data.learning).toEqual({ level: "adapters", learns: true });
  for (const other of ["secret", "bea taught", "elsewhere"]) expect(text).not.toContain(other);
});

test("forget() erases the words and takes the adapter that learned from them out of service", async () => {
  const world = await openPrivacy();
  const turn = await world.ask("refund please");
  await world.think(turn.id, { score: 5 });
  const digest = await world.serveAdapterOf(turn.id);

  const text = await world.acts.forget(ANA);

  expect(text).toContain("Out of service for good: 1 adapter");
  expect(await world.store.chat.findTurn(turn.id)).toMatchObject({ status: "deleted", question: "", reply: "" });
  expect(await world.store.learning.getService(SUPPORT)).not.toHaveProperty("active");
  expect(await world.store.learning.findAdapter(digest)).toMatchObject({ state: "retired" });
  expect(await world.store.people.listDeletions()).toMatchObject([{ ...ANA }]);
  expect((await world.store.people.listAudit(10)).map(({ what }) => what)).toContain("person.erased");
  expect(await world.findExamples()).toEqual([]);
});

test("forget() reaches an answer that the person taught to somebody else, and answers made after it", async () => {
  const world = await openPrivacy();
  const asked = await world.ask("refund please", { userId: "bea" });
  await world.think(asked.id, { userId: "ana", correction: "ana knows: five days" });
  const shown = await world.ask("refund please now", { userId: "cid", channelId: "other" });
  expect(shown.provenance.exampleTurnIds).toEqual([asked.id]);
  await world.serveAdapterOf(asked.id);

  await world.acts.forget(ANA);

  expect(await world.store.learning.getService(SUPPORT)).not.toHaveProperty("active");
  expect(await world.findExamples()).toEqual([]);
  expect(await world.store.chat.findTurn(shown.id)).toMatchObject({ reply: "" });
});

test("forget() leaves adapters alone that never saw the words, and other workspaces", async () => {
  const world = await openPrivacy();
  await world.ask("refund please");
  const elsewhere = await world.ask("refund please", { workspaceId: "discord:1" });
  const digest = await world.serveAdapterOf("another");

  await world.acts.forget(ANA);

  expect(await world.store.learning.getService(SUPPORT)).toMatchObject({ active: digest });
  expect(await world.store.chat.findTurn(elsewhere.id)).toMatchObject({ question: "refund please" });
});

test("forget() is finished by asking again when it failed after the weights", async () => {
  const world = await openPrivacy();
  const turn = await world.ask("refund please");
  await world.serveAdapterOf(turn.id);
  const { privacy } = world.store;
  const broken = { ...privacy, erasePerson: () => Promise.reject(new Error("disk full")) };
  const now = () => world.clock.nowMs++;
  const parts = {
    ...world.activateParts,
    jobs: sqliteJobQueue({ database: world.store.jobsDatabase, now, pollMs: 20, retryMs: 1 }),
    readiness: { thresholds: THRESHOLDS, days: 30 },
    isEnabled: true,
  };

  await expect(createPrivacyActs({ ...parts, privacy: broken }).forget(ANA)).rejects.toThrow("disk full");
  expect(await world.store.learning.getService(SUPPORT)).not.toHaveProperty("active");
  await world.acts.forget(ANA);

  expect(await world.store.chat.findTurn(turn.id)).toMatchObject({ status: "deleted" });
});
