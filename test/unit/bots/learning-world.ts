import { onTestFinished } from "vitest";
import { type ExampleSettings, openExampleFinder } from "#bots/retrieve-examples.ts";
import type { FeedbackChange, Score } from "#core/feedback.ts";
import type { LearningLevel } from "#core/people.ts";
import type { Embedder } from "#inference/embedder.ts";
import { type ChatWorldOptions, openChatWorld } from "./chat-world.ts";

/** A vector of the words in a text: what shares words is near. Counts what it was asked. */
export function wordEmbedder() {
  const embedded: string[] = [];
  const embedder: Embedder = {
    describe: () => ({ id: "words", digest: "e".repeat(64), dimensions: DIMENSIONS, languages: ["en"] }),
    async embed(texts) {
      embedded.push(...texts);
      return texts.map(vectorOf);
    },
  };
  return { embedder, embedded };
}

const DIMENSIONS = 512;

function vectorOf(text: string): Float32Array {
  const vector = new Float32Array(DIMENSIONS);
  for (const word of text.toLowerCase().match(/\p{L}+|\p{N}+/gu) ?? []) {
    let at = 7;
    for (const letter of word) at = (at * 31 + (letter.codePointAt(0) ?? 0)) % DIMENSIONS;
    vector[at] = 1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

export const EXAMPLES: ExampleSettings = { max: 3, similarityMin: 0.5, days: 365, turnsMax: 500 };

/** Answering with retrieval, on a real store. */
export async function openLearningWorld(
  options: ChatWorldOptions & { readonly examples?: Partial<ExampleSettings>; readonly embedder?: Embedder } = {},
) {
  const world = await openChatWorld(options);
  const words = wordEmbedder();
  const { embedded } = words;
  const embedder = options.embedder ?? words.embedder;
  const { chat, learning, people, vectors } = world.store;
  const { events, log } = world.parts;
  const openFinder = () => {
    const finder = openExampleFinder({
      chat,
      learning,
      people,
      vectors,
      embedder,
      events,
      settings: { ...EXAMPLES, ...options.examples },
      now: () => world.clock.nowMs,
      log,
    });
    onTestFinished(() => finder.stop());
    return finder;
  };
  const finder = openFinder();
  Object.assign(world.parts, { examples: finder });
  return {
    ...world,
    finder,
    openFinder,
    embedded,
    async allow(workspaceId: string, level: LearningLevel) {
      await people.putPermission({ workspaceId, level, grantedBy: "admin", wordingVersion: 1, changedAtMs: 1 });
      // A no holds without a hint, a yes is heard of by one.
      if (level !== "off") events.publish({ kind: "learning.changed", workspaceId });
    },
    async think(turnId: string, given: Partial<FeedbackChange> & { readonly score?: Score | null } = {}) {
      const turn = await chat.findTurn(turnId);
      if (turn === undefined) throw new Error(`There is no turn ${turnId}`);
      const { workspaceId } = turn;
      await chat.putFeedback({
        turnId,
        workspaceId,
        userId: "bea",
        source: "reaction",
        atMs: world.clock.nowMs++,
        ...given,
      });
      events.publish({ kind: "turn.changed", turnId });
    },
  };
}
