import { expect, test } from "vitest";
import { InferenceUnavailableError } from "#core/errors.ts";
import type { Moderator } from "#inference/moderator.ts";
import { openChatWorld } from "./chat-world.ts";

const SAY = { text: "The code is swordfish today.", chunkChars: 3, pauseMs: 3 };

function moderator(judge: (text: string) => boolean): Moderator & { readonly judged: string[] } {
  const judged: string[] = [];
  return {
    judged,
    async judge(text) {
      judged.push(text);
      const isFlagged = judge(text);
      return { isFlagged, categories: isFlagged ? ["violence"] : [] };
    },
  };
}

test("answerMessage() never shows a blocked word, not while the reply grows and not a part of it, and does not store it", async () => {
  const world = await openChatWorld({ place: { blockedWords: ["swordfish"] }, answer: () => SAY });

  const turn = await world.ask("What is my order?");

  expect(turn.reply).not.toContain("swordfish");
  expect(turn.reply).toMatch(/^The code is \u2217+ today\.$/u);
  expect(world.shown.length).toBeGreaterThan(2);
  expect(world.shown.filter(({ text }) => /sw|fish/u.test(text))).toEqual([]);
  expect(JSON.stringify(await world.store.cache.inspect(10))).not.toContain("swordfish");
});

test("answerMessage() masks a word that was blocked after its reply went into the cache", async () => {
  const place = { blockedWords: [] as readonly string[] };
  const world = await openChatWorld({ place, answer: () => SAY });
  await world.ask("What is my order?");
  place.blockedWords = ["swordfish"];

  const served = await world.ask("What is my order?", { channelId: "other" });

  expect(served.provenance.endedBy).toBe("cache");
  expect(served.reply).not.toContain("swordfish");
  expect(world.shown.at(-1)?.text).not.toContain("swordfish");
});

test("answerMessage() shows nothing before the moderator has judged the whole reply", async () => {
  const judge = moderator(() => false);
  const world = await openChatWorld({ moderator: judge, answer: () => SAY });

  const turn = await world.ask("What is my order?");

  expect(judge.judged).toEqual([SAY.text]);
  expect(world.shown).toEqual([{ act: "post", text: SAY.text, isFinal: true }]);
  expect(world.busy.map(({ aborted }) => aborted)).toEqual([true]);
  expect(turn.status).toBe("complete");
});

test("answerMessage() withholds what the moderator objects to: not shown, stored, cached or learned from", async () => {
  const world = await openChatWorld({ moderator: moderator((text) => text.includes("swordfish")), answer: () => SAY });

  const turn = await world.ask("What is my order?");

  expect(turn).toMatchObject({ status: "failed", reply: "" });
  expect(world.shown).toEqual([{ act: "post", text: expect.stringContaining("may not be shown"), isFinal: true }]);
  expect(await world.store.cache.inspect(10)).toEqual([]);
  expect(world.lines).toContainEqual(
    expect.objectContaining({ event: "reply.withheld", fields: { turnId: turn.id, categories: ["violence"] } }),
  );
});

test("answerMessage() withholds the reply when the moderator cannot be asked", async () => {
  const away: Moderator = {
    judge: async () => {
      throw new InferenceUnavailableError("moderation");
    },
  };
  const world = await openChatWorld({ moderator: away, answer: () => SAY });

  const turn = await world.ask("What is my order?");

  expect(turn).toMatchObject({ status: "failed", reply: "" });
  expect(world.shown.at(-1)?.text).toContain("could not check");
  expect(world.lines).toContainEqual(expect.objectContaining({ level: "error", event: "moderation.failed" }));
});

test("answerMessage() shows that it works until the first words are there", async () => {
  const states: boolean[] = [];
  const world = await openChatWorld({
    answer: () => ({ text: "One two three.", chunkChars: 2, pauseMs: 5 }),
  });
  world.state.fail = () => void states.push(world.busy[0]?.aborted === true);

  await world.ask("What is my order?");

  expect(world.busy).toHaveLength(1);
  expect(states.length).toBeGreaterThan(1);
  expect(states).not.toContain(false);
});

test("answerMessage() puts buttons under a complete reply, and the five emoji, where the place wants them", async () => {
  const world = await openChatWorld({ place: { replyButtons: true, offerEmoji: true } });

  await world.ask("What is my order?");
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(world.seen.get("turn-m1.0")?.actions).toEqual(["rate", "regenerate", "report"]);
  expect(world.offered.map(({ emoji }) => emoji)).toEqual(["😞", "😕", "😐", "🙂", "😍"]);
});

test("answerMessage() offers nothing to rate under a reply that failed", async () => {
  const world = await openChatWorld({ place: { replyButtons: true, offerEmoji: true }, answer: () => ({ text: "" }) });

  await world.ask("What is my order?");
  await new Promise((resolve) => setTimeout(resolve, 20));

  expect(world.seen.get("turn-m1.0")?.actions).toEqual(["regenerate"]);
  expect(world.offered).toEqual([]);
});
