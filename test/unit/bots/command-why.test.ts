import { expect, test } from "vitest";
import { openCommandWorld } from "./command-world.ts";

test("/why tells domain, model, adapter, cache and work of the last reply", async () => {
  const { say, askHere } = await openCommandWorld();
  await askHere("Where is my refund?");

  const { text } = await say("/why");

  expect(text).toContain("**Domain** support (words: refund)");
  expect(text).toContain("**Model** Scripted-1M");
  expect(text).toContain("**Adapter** none (base model)");
  expect(text).toContain("**Cache** none (a new question)");
  expect(text).toMatch(/\*\*Work\*\* \d+ tokens in \d+ ms/u);
});

test("/why tells what taught the adapter that answered: its run and data set, in counts", async () => {
  const { say, askHere, store, makeAdapter, activate } = await openCommandWorld();
  const digest = await makeAdapter("one");
  const dataset = { hash: "d".repeat(64), days: 30, train: 18, valid: 2, negatives: 1, pairs: 0 };
  const counts = { liked: 12, corrected: 8, servedAgain: 0, dropped: [], sourceTurnIds: ["t1"] };
  const scope = { workspaceId: "local:home", audience: "public", domain: "support" };
  await store.learning.saveDataset({ ...dataset, ...counts, scope, createdAtMs: 1 });
  await activate(digest);
  const place = { platform: "local", workspaceId: "local:home", channelId: "web" } as const;
  await askHere("Where is my refund?", place);

  const { text } = await say("/why", place);

  expect(text).toContain("grade B");
  expect(text).toContain("by run run-one; taught by 12 liked and 8 corrected answers of 30 days");
});

test("/why names the examples that were shown, but none of another audience and none that was erased", async () => {
  const { say, askHere, store } = await openCommandWorld();
  const near = await askHere("How long does a refund take?");
  const erased = await askHere("What about my refund?");
  const hidden = await askHere("My secret refund?", { channelId: "c9", visibility: "private" });
  const turn = await askHere("Where is my refund?");
  const exampleTurnIds = [near.id, erased.id, hidden.id];
  await store.chat.saveTurn({ ...turn, provenance: { ...turn.provenance, exampleTurnIds } });
  await store.privacy.eraseTurn(erased.id);

  expect((await say("/why")).text).toContain(
    "**Examples** 3 liked answers were shown to the model: “How long does a refund take?”, (erased), (erased)",
  );
});
