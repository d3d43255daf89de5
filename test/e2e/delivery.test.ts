import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { openReplyStream } from "#bots/stream-reply.ts";
import { seededRandom } from "#core/random.ts";
import { generateAnswer } from "../fixtures/bots/generated-answer.ts";
import {
  CHANNELS,
  type DeliveryPlatform,
  openDiscordDelivery,
  openSlackDelivery,
} from "../fixtures/delivery/open-platforms.ts";
import { countDifferences } from "../fixtures/delivery/read-answer.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { openTempStore } from "../unit/store/sqlite/temp-store.ts";

/** Seeded answers for each way; the soak asks for 10,000, or for none. */
const ANSWERS = Number(process.env["DELIVERIES"] ?? 300);
/** The only one of the ways that is wanted; all when undefined. */
const WAY = process.env["DELIVERY_WAY"];
/** Answers while the machine stands still again and again; none unless asked for. */
const LATE_ANSWERS = Number(process.env["LATE_DELIVERIES"] ?? 0);
const GIVEN = { faultRatio: 0.05, seed: 4 };
/** An answer comes in this many pieces at most. */
const PIECES = 12;
const PIECE_MS = 5;
/** In the trial of late calls, how long a call is waited for, and after how long an answer has to be as it should. */
const LATE = { callTimeoutMs: 1500, settledMs: 16_000, stillRatio: 0.7, stillMs: 150 };

/*
 * The platforms' limits and the connectors' paces are both faster by the same factor, so that 10,000 answers end within minutes:
 * Discord's 5 writes in 5 s and channel are 5 in 100 ms, Slack's minute is half a second. What people see at the end is read by a
 * Markdown parser, message by message, and compared with what the parser reads of the answer.
 *
 * A loop that stands still takes one new connection per turn: requests are given up, looked for in vain, and carried out later.
 */
const WAYS: readonly Way[] = [
  { way: "Discord by edits", answers: ANSWERS, open: () => openDiscordDelivery({ ...GIVEN, speedUp: 50 }) },
  { way: "Slack by its streams", answers: ANSWERS, open: () => openSlackDelivery({ ...GIVEN, speedUp: 120 }, "auto") },
  { way: "Slack by edits", answers: ANSWERS, open: () => openSlackDelivery({ ...GIVEN, speedUp: 120 }, "edits") },
  { way: "Slack by its streams, late", answers: LATE_ANSWERS, open: openLateSlack },
];

test.each(WAYS.filter(({ way, answers }) => answers > 0 && (WAY === undefined || WAY === way)))(
  "openReplyStream() shows every character of generated answers once on $way under limits and 5 % faults",
  { timeout: 3_600_000 },
  async ({ way, open, answers }) => {
    const platform = await open();
    const { chat } = openTempStore();
    const startedAt = { ms: performance.now(), cpu: process.cpuUsage() };
    const sums = { characters: 0, messages: 0 };
    const wrong = { lost: 0, added: 0, fencesBroken: 0, spansCut: 0, tooLong: 0, unfinished: 0 };
    const seeds = Array.from({ length: answers }, (_, seed) => seed);
    const failures: unknown[] = [];
    const answerIn = async (channel: number) => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const text = generateAnswer(seed);
        const delivered = await deliver(platform, chat, { channel, text, turnId: `t${seed}` }).catch(
          (error: unknown) => {
            failures.push(error);
            const judged = { messages: 0, lost: text.length, ...NOTHING_SEEN };
            return { judged, story: [] };
          },
        );
        const { judged, story } = delivered;
        sums.characters += text.length;
        sums.messages += judged.messages;
        for (const key of Object.keys(wrong) as (keyof typeof wrong)[]) wrong[key] += judged[key];
        const isWrong = Object.entries(judged).some(([key, count]) => key !== "messages" && count > 0);
        if (isWrong) failures.push(new Error(`Answer ${seed} is wrong: ${JSON.stringify([judged, ...story])}`));
      }
    };
    await Promise.all(Array.from({ length: CHANNELS }, (_, channel) => answerIn(channel)));

    const { user, system } = process.cpuUsage(startedAt.cpu);
    const counts = platform.counts();
    const unhandled429 = platform.lines.filter(({ fields }) => isRateLimit("err" in fields ? fields.err : undefined));
    tellFigures(`delivery on ${way}`, {
      answers,
      ...sums,
      ...counts,
      ...wrong,
      unhandled429: unhandled429.length,
      seconds: Math.round((performance.now() - startedAt.ms) / 1000),
      cpuSeconds: Math.round((user + system) / 1e6),
    });
    expect(failures).toEqual([]);
    expect(unhandled429.map(({ event }) => event)).toEqual([]);
    expect(wrong).toEqual({ lost: 0, added: 0, fencesBroken: 0, spansCut: 0, tooLong: 0, unfinished: 0 });
    expect(counts.faults).toBeGreaterThan(counts.requests / 40);
    expect(counts.streams > 0).toBe(way.startsWith("Slack by its streams"));
  },
);

interface Way {
  readonly way: string;
  readonly open: () => Promise<DeliveryPlatform & { readonly settledMs?: number }>;
  readonly answers: number;
}

async function openLateSlack() {
  const platform = await openSlackDelivery({ ...GIVEN, speedUp: 120, callTimeoutMs: LATE.callTimeoutMs }, "auto");
  const random = seededRandom(GIVEN.seed);
  const gap = new Int32Array(new SharedArrayBuffer(4));
  const timer = setInterval(() => {
    if (random() < LATE.stillRatio) Atomics.wait(gap, 0, 0, LATE.stillMs);
  }, 1);
  onTestFinished(() => clearInterval(timer));
  return { ...platform, settledMs: LATE.settledMs };
}

/** Streams one answer and judges what people see of it. */
async function deliver(
  platform: Awaited<ReturnType<Way["open"]>>,
  chat: ReturnType<typeof openTempStore>["chat"],
  { channel, text, turnId }: { readonly channel: number; readonly text: string; readonly turnId: string },
) {
  const { connector, lines } = platform;
  const asked = platform.ask(channel);
  const log = {
    debug() {},
    info() {},
    error() {},
    warn: (fields: object, event: string) => note(lines, fields, event),
  };
  const stream = openReplyStream({ connector, chat, now: Date.now, log, isRetry: false }, { ...asked.target, turnId });
  const step = Math.max(4, Math.ceil(text.length / PIECES));
  for (let length = step; length < text.length; length += step) {
    stream.update(text.slice(0, length));
    await sleep(PIECE_MS);
  }
  let told: readonly string[] = [];
  await stream.finish(text, async (posted) => {
    told = posted.map(({ messageId }) => messageId);
  });
  if (platform.settledMs !== undefined) await sleep(platform.settledMs);
  const shown = asked.shown();
  asked.forget();
  const wanted = platform.readSource(text);
  const seen = platform.readShown(shown.map((message) => message.text));
  const whole = countDifferences(wanted.all, seen.all);
  const code = countDifferences(wanted.code, seen.code);
  const isTold = JSON.stringify(told) === JSON.stringify(shown.map(({ id }) => id));
  const judged = {
    messages: shown.length,
    ...whole,
    fencesBroken: seen.openFences + (code.lost + code.added > 0 ? 1 : 0),
    spansCut: JSON.stringify(seen.spans) === JSON.stringify(wanted.spans) ? 0 : 1,
    tooLong: shown.filter(({ isTooLong }) => isTooLong).length,
    unfinished: shown.length === 0 || !isTold || shown.some(({ isGrowing }) => isGrowing) ? 1 : 0,
  };
  const events = lines.filter(({ fields }) => "turnId" in fields && fields.turnId === turnId);
  // What helps to understand a wrong one; it cannot be had again.
  const story = [
    { told, shown: shown.map(({ id, text: { length }, isGrowing }) => ({ id, length, isGrowing })) },
    ...events.map(({ event, fields }) => [event, "err" in fields ? String(fields.err) : ""]),
  ];
  return { judged, story };
}

const NOTHING_SEEN = { added: 0, fencesBroken: 0, spansCut: 0, tooLong: 0, unfinished: 1 };

function note(lines: DeliveryPlatform["lines"], fields: object, event: string): void {
  lines.push({ level: "warn", fields, event });
}

/** A 429 that no connector handled came up as an error. */
function isRateLimit(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const status = "status" in error ? error.status : undefined;
  return status === 429 || /rate.?limit/iu.test(`${error.name} ${error.message}`) || isRateLimit(error.cause);
}
