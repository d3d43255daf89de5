import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Feedback,
  type FeedbackChange,
  isDisliked,
  isExample,
  isLiked,
  meanScore,
  mergeFeedback,
  readinessScore,
  type Score,
  scoreOfEmoji,
} from "#core/feedback.ts";

function change(changes: Partial<FeedbackChange> = {}): FeedbackChange {
  return { turnId: "t1", userId: "ana", workspaceId: "local:home", source: "reaction", atMs: 10, ...changes };
}

function merge(changes: readonly FeedbackChange[]): Feedback | undefined {
  return changes.reduce<Feedback | undefined>((feedback, next) => mergeFeedback(feedback, next), undefined);
}

function given(...scores: readonly (Score | undefined)[]): readonly Feedback[] {
  return scores.map((score) => mergeFeedback(undefined, change(score === undefined ? {} : { score })));
}

describe("mergeFeedback()", () => {
  test("keeps the score of the latest event when events arrive out of order", () => {
    const late = change({ score: 5, emoji: "😍", atMs: 20 });
    const early = change({ score: 1, emoji: "😞", atMs: 10 });

    expect(merge([late, early])).toMatchObject({ score: 5, emoji: "😍", scoreAtMs: 20 });
    expect(merge([early, late])).toEqual(merge([late, early]));
  });

  test("keeps a removal as a tombstone when an older score arrives after it", () => {
    const feedback = merge([
      change({ score: 5, atMs: 10 }),
      change({ score: null, atMs: 20 }),
      change({ score: 4, atMs: 15 }),
    ]);

    expect(feedback).toMatchObject({ scoreAtMs: 20 });
    expect(feedback).not.toHaveProperty("score");
  });

  test("keeps an emoji when taking an older one away overtook it", () => {
    const feedback = merge([
      change({ score: 5, emoji: "😍", atMs: 1 }),
      change({ score: null, emoji: "😍", atMs: 3 }),
      change({ score: 1, emoji: "😞", atMs: 2 }),
    ]);

    expect(feedback).toMatchObject({ score: 1, emoji: "😞" });
  });

  test("goes back to the emoji that still stands when a newer one is taken away", () => {
    const feedback = merge([
      change({ score: 5, emoji: "😍", atMs: 1 }),
      change({ score: 1, emoji: "😞", atMs: 2 }),
      change({ score: null, emoji: "😞", atMs: 3 }),
    ]);

    expect(feedback).toMatchObject({ score: 5, emoji: "😍", scoreAtMs: 3 });
  });

  test("goes back to the score of a button when an emoji is taken away, and lets a newer button win", () => {
    const feedback = merge([
      change({ score: 2, source: "button", atMs: 1 }),
      change({ score: 5, emoji: "😍", atMs: 2 }),
      change({ score: null, emoji: "😍", atMs: 3 }),
    ]);

    expect(feedback).toMatchObject({ score: 2, source: "button" });
    expect(mergeFeedback(feedback, change({ score: 4, source: "button", atMs: 4 }))).toMatchObject({ score: 4 });
  });

  test("does not grow with the emoji that somebody presses", () => {
    const changes = Array.from({ length: 50 }, (_, atMs) => change({ score: 5, emoji: `e${atMs}`, atMs }));

    expect(merge(changes)?.heard).toHaveLength(12);
  });

  test("leaves the other fields alone when one is named", () => {
    const feedback = merge([
      change({ score: 4, atMs: 30 }),
      change({ comment: "too long", atMs: 20 }),
      change({ correction: "Within 14 days.", atMs: 10 }),
    ]);

    expect(feedback).toMatchObject({ score: 4, comment: "too long", correction: "Within 14 days." });
  });

  test("counts an endorsement once and never the author's own", () => {
    const corrected = change({ correction: "Within 14 days." });
    const endorsed = [change({ endorsedBy: "ben" }), change({ endorsedBy: "ben" }), change({ endorsedBy: "ana" })];

    expect(merge([corrected, ...endorsed])?.endorsedBy).toEqual(["ben"]);
  });

  test("drops endorsements when the correction changes", () => {
    const feedback = merge([
      change({ correction: "Within 14 days.", atMs: 1 }),
      change({ endorsedBy: "ben", atMs: 2 }),
      change({ correction: "Never.", atMs: 3 }),
    ]);

    expect(feedback?.endorsedBy).toEqual([]);
  });

  test.each([
    { name: "is older than a newer correction", atMs: 2, endorsedBy: [] },
    { name: "came with the correction", atMs: 3, endorsedBy: ["ben"] },
    { name: "is newer", atMs: 4, endorsedBy: ["ben"] },
  ])("takes an endorsement, or leaves it, when it $name", ({ atMs, endorsedBy }) => {
    const feedback = merge([
      change({ correction: "Within 14 days.", atMs: 1 }),
      change({ correction: "Never.", atMs: 3 }),
      change({ endorsedBy: "ben", atMs }),
    ]);

    expect(feedback).toMatchObject({ correction: "Never.", endorsedBy });
  });

  test("takes no endorsement when there is no correction to agree with", () => {
    const agreed = change({ endorsedBy: "ben", atMs: 5 });

    expect(merge([agreed])?.endorsedBy).toEqual([]);
    expect(merge([change({ correction: "x", atMs: 1 }), change({ correction: null, atMs: 2 }), agreed])).toMatchObject({
      endorsedBy: [],
    });
  });

  test("gives the same record in any order of events that have different times", () => {
    const anyChange = fc.record(
      {
        score: fc.constantFrom<(Score | null)[]>(null, 1, 2, 3, 4, 5),
        emoji: fc.constantFrom("😞", "😐", "😍"),
        comment: fc.constantFrom(null, "a", "b"),
        correction: fc.constantFrom(null, "x", "y"),
      },
      { requiredKeys: [] },
    );
    const anyOrder = fc
      .array(anyChange, { minLength: 1, maxLength: 6 })
      .map((changes) => changes.map((fields, index) => change({ ...fields, atMs: index + 1 })))
      .chain((inOrder) => fc.tuple(fc.constant(inOrder), fc.shuffledSubarray(inOrder, { minLength: inOrder.length })));

    fc.assert(
      fc.property(anyOrder, ([inOrder, shuffled]) => {
        expect(merge(shuffled)).toEqual(merge(inOrder));
      }),
    );
  });

  test("changes nothing when an event is delivered twice", () => {
    const once = [change({ score: 4, atMs: 1 }), change({ comment: "good", atMs: 2 })];

    expect(merge([...once, ...once])).toEqual(merge(once));
  });
});

describe("isExample()", () => {
  test.each([
    { scores: [4], isTaught: true },
    { scores: [5, 3], isTaught: true },
    { scores: [5, 1], isTaught: false },
    { scores: [3], isTaught: false },
    { scores: [undefined], isTaught: false },
    { scores: [], isTaught: false },
  ] as const)("is $isTaught when scores are $scores", ({ scores, isTaught }) => {
    expect(isExample(given(...scores))).toBe(isTaught);
    expect(isLiked(given(...scores))).toBe(isTaught);
  });

  test("is true when somebody corrected a disliked reply", () => {
    const corrected = mergeFeedback(undefined, change({ score: 1, correction: "Within 14 days." }));

    expect(isExample([corrected])).toBe(true);
    expect(isLiked([corrected])).toBe(false);
    expect(isDisliked([corrected])).toBe(true);
  });

  test("takes no part when every score was taken back: the mean is undefined", () => {
    expect(meanScore(given(undefined, undefined))).toBeUndefined();
    expect(isDisliked(given(undefined))).toBe(false);
  });
});

describe("scoreOfEmoji()", () => {
  const scores = new Map<string, Score>([
    ["👍", 4],
    ["❤️", 5],
    ["slightly_smiling_face", 4],
  ]);

  test.each([
    "👍",
    "👍🏽",
    "👍🏿",
    ":slightly_smiling_face:",
    "slightly_smiling_face",
    "slightly_smiling_face::skin-tone-3",
  ])("scores %s like the plain emoji", (emoji) => {
    expect(scoreOfEmoji(emoji, scores)).toBe(4);
  });

  test("finds an emoji that is written with its variation selector in the settings", () => {
    expect(scoreOfEmoji("❤️", scores)).toBe(5);
  });

  test.each(["", "🎉", "👍👍", "__proto__", "constructor", "::skin-tone-2"])(
    "gives nothing when %j is no feedback",
    (emoji) => {
      expect(scoreOfEmoji(emoji, scores)).toBeUndefined();
    },
  );
});

test("readinessScore() counts a taught answer as the best score when its author disliked the reply", () => {
  const change = { turnId: "t", userId: "u", workspaceId: "w", source: "button" } as const;
  const taught = mergeFeedback(undefined, { ...change, atMs: 1, score: 1, correction: "Within 14 days." });

  expect(readinessScore(taught)).toBe(5);
  expect(readinessScore(mergeFeedback(taught, { ...change, atMs: 2, score: 2, correction: null }))).toBe(2);
});
