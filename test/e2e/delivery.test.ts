import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openReplyStream } from "#bots/stream-reply.ts";
import { generateAnswer, seededRandom, wordsOf } from "../fixtures/bots/generated-answer.ts";
import { memoryPlatform } from "../fixtures/bots/memory-platform.ts";
import { maxOf, medianOf, tellFigures } from "../fixtures/trials/tell-figures.ts";
import { recordingLog } from "../unit/bots/chat-world.ts";
import { openTempStore } from "../unit/store/sqlite/temp-store.ts";

/** Seeded answers; the soak asks for 10,000. */
const ANSWERS = Number(process.env["DELIVERIES"] ?? 300);
const FAULTS = 0.05;
const TOKENS_CHARS = 4;

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000, toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/*
 * In virtual time, answers after one another in one channel. What is lost or doubled is judged by what people see:
 * each word of an answer has a number of its own.
 */
test.each([
  { limits: "Discord's", messageCharsMax: 2000, editIntervalMs: 1000, channelPace: { writes: 5, perMs: 5000 } },
  { limits: "Slack's", messageCharsMax: 12_000, editIntervalMs: 1000, channelPace: { writes: 3, perMs: 3000 } },
])(
  "openReplyStream() loses and doubles nothing of generated answers under $limits limits and 5 % faults",
  { timeout: 3_600_000 },
  async ({ limits, ...given }) => {
    const { chat } = openTempStore();
    const { log } = recordingLog();
    const platform = memoryPlatform(given);
    const random = seededRandom(4);
    const sentAtMs: number[] = [];
    let faults = 0;
    platform.disturbBy((when) => {
      if (when === "before") sentAtMs.push(Date.now());
      if (random() < FAULTS / 2) {
        faults++;
        throw new Error("Platform is down");
      }
    });
    let lost = 0;
    let doubled = 0;
    let broken = 0;
    let unfinished = 0;
    let chars = 0;
    const firstTextMs: number[] = [];

    for (let seed = 0; seed < ANSWERS; seed++) {
      const text = generateAnswer(seed);
      chars += text.length;
      platform.messages.clear();
      await vi.advanceTimersByTimeAsync(given.channelPace.perMs);
      const target = { turnId: `t${seed}`, workspaceId: "w", channelId: "c", inReplyTo: "m", askerId: "ana" };
      const stream = openReplyStream(
        { connector: platform.connector, chat, now: Date.now, log, isRetry: false },
        target,
      );
      const startedAtMs = Date.now();
      const writesBefore = platform.writes.length;
      // A model of 50 tokens a second; longer answers come faster, so that the trial ends.
      const step = Math.max(TOKENS_CHARS, Math.ceil(text.length / 250));
      for (let length = step; length < text.length; length += step) {
        stream.update(text.slice(0, length));
        await vi.advanceTimersByTimeAsync(20);
        if (platform.writes.length > writesBefore && firstTextMs.length === seed)
          firstTextMs.push(Date.now() - startedAtMs);
      }
      let places = 0;
      const done = stream.finish(text, async (posted) => {
        places = posted.length;
      });
      let isDone = false;
      const ended = done.finally(() => {
        isDone = true;
      });
      while (!isDone) await vi.advanceTimersByTimeAsync(50);
      await ended;
      if (firstTextMs.length === seed) firstTextMs.push(0);

      const shown = platform.shown();
      const seen = shown.flatMap(wordsOf);
      const wanted = wordsOf(text);
      lost += wanted.filter((word) => !new Set(seen).has(word)).length;
      doubled += seen.length - new Set(seen).size;
      broken += shown.filter((part) => !isClosed(part)).length;
      const isWhole = [...platform.messages.values()].every(({ isFinal }) => isFinal) && places === shown.length;
      if (!isWhole || shown.length === 0) unfinished++;
    }

    const { writes, perMs } = given.channelPace;
    tellFigures(`delivery under ${limits} limits`, {
      answers: ANSWERS,
      characters: chars,
      writes: platform.writes.length,
      faults,
      wordsLost: lost,
      wordsDoubled: doubled,
      fencesBroken: broken,
      unfinished,
      firstTextMedianMs: medianOf(firstTextMs),
      firstTextMaxMs: maxOf(firstTextMs),
    });
    expect({ lost, doubled, broken, unfinished }).toEqual({ lost: 0, doubled: 0, broken: 0, unfinished: 0 });
    expect(faults).toBeGreaterThan(ANSWERS / 10);
    expect(mostWithin(sentAtMs, perMs)).toBeLessThanOrEqual(writes);
  },
);

/** Whether every fence that opens is closed, by CommonMark's rule that only as long a mark closes it. */
function isClosed(markdown: string): boolean {
  let open = "";
  for (const line of markdown.split("\n")) {
    const mark = /^(?:[ >]|- |1\. )*(`{3,}|~{3,})/u.exec(line)?.[1];
    if (mark === undefined) continue;
    if (open === "") open = mark;
    else if (mark[0] === open[0] && mark.length >= open.length && line.trimEnd().endsWith(mark)) open = "";
  }
  return open === "";
}

function mostWithin(timesMs: readonly number[], perMs: number): number {
  let most = 0;
  let from = 0;
  for (let to = 0; to < timesMs.length; to++) {
    while ((timesMs[to] ?? 0) - (timesMs[from] ?? 0) >= perMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}
