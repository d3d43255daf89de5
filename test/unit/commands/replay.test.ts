import { expect, onTestFinished, test } from "vitest";
import type { Intake } from "#bots/intake.ts";
import { type ReplayOptions, replay } from "#commands/replay.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import { partialIntake } from "../../fixtures/bots/recording-intake.ts";
import { openWorld } from "../../fixtures/dashboard/open-world.ts";
import { recordingOutput } from "./recording-output.ts";

const PLACE = { platform: "discord", workspaceId: "discord:1", channelId: "10" };
const MESSAGE = {
  ...PLACE,
  kind: "message",
  at: "2026-11-21T14:00:00Z",
  eventId: "discord:100",
  visibility: "public",
  userId: "ana",
  messageId: "100",
  text: "How do I return an order?",
};
const REACTION = {
  ...PLACE,
  kind: "reaction",
  at: "2026-11-21T14:00:05Z",
  messageId: "101",
  userId: "ana",
  emoji: "😍",
};
const COMMAND = {
  ...PLACE,
  kind: "command",
  at: "2026-11-21T14:00:06Z",
  callId: "c1",
  visibility: "public",
  userId: "ana",
  command: "rate",
  options: { score: "5" },
};
const EDIT = { ...PLACE, kind: "edit", at: "2026-11-21T14:00:07Z", messageId: "100", text: "And a refund?" };
const DELETION = { ...PLACE, kind: "deletion", at: "2026-11-21T14:00:08Z", messageId: "100" };
const lines = (...events: readonly unknown[]) => events.map((event) => JSON.stringify(event)).join("\n");

async function openBench(expected: Partial<Intake> = {}) {
  const calls: unknown[][] = [];
  const record =
    (name: string) =>
    async (...given: unknown[]) =>
      void calls.push([name, ...given]);
  const intake = partialIntake({
    acceptMessage: record("message"),
    acceptEdit: record("edit"),
    acceptDeletion: record("deletion"),
    acceptFeedback: record("feedback"),
    runCommand: async (call) => {
      calls.push(["command", call]);
      return { text: "Rated" };
    },
    ...expected,
  });
  const world = await openWorld();
  const intakeOf = (platform: string) => (platform === "discord" ? intake : undefined);
  const listening = await createDashboard({ ...world.parts, intakeOf }).listen("127.0.0.1", 0);
  onTestFinished(async () => {
    await listening.close();
    await world.close();
  });
  const recorded = recordingOutput();
  const run = (text: string, options: Partial<ReplayOptions> = {}) =>
    replay(
      text,
      { url: listening.url, isDryRun: false, speed: 0, skipsInvalid: false, isJson: false, ...options },
      recorded.output,
    );
  return { calls, recorded, run };
}

test("replay() hands each kind of event to the intake of the running bot, in order and with its own time", async () => {
  const { calls, run, recorded } = await openBench();

  const summary = await run(lines(MESSAGE, REACTION, COMMAND, EDIT, DELETION));

  expect(summary).toMatchObject({ lines: 5, accepted: 5, dropped: 0, failed: [], invalid: [] });
  expect(calls.map(([name]) => name)).toEqual(["message", "feedback", "command", "edit", "deletion"]);
  const sentAtMs = Date.parse(MESSAGE.at);
  expect(calls[0]?.slice(1)).toEqual(["discord:100", expect.objectContaining({ text: MESSAGE.text, sentAtMs })]);
  expect(calls[1]?.[1]).toMatchObject({ messageId: "101", emoji: "😍", isRemoval: false, source: "reaction" });
  expect(calls[2]?.[1]).toMatchObject({ command: "rate", options: new Map([["score", "5"]]), isAdmin: false });
  expect(recorded.text()).toBe("5 accepted, 0 not meant for the bot, 0 failed");
});

test("replay() counts what is not meant for the bot", async () => {
  const { calls, run } = await openBench({ wants: ({ isAddressed }) => isAddressed });

  const summary = await run(lines({ ...MESSAGE, isAddressed: false }, MESSAGE));

  expect([summary.accepted, summary.dropped, calls.length]).toEqual([1, 1, 1]);
});

test("replay() names every bad line by its number, without its words, and sends nothing", async () => {
  const { calls, run, recorded } = await openBench();
  const text = ["", lines(MESSAGE), "{broken", lines({ ...REACTION, emojy: "hush" }), lines({ kind: "nonsense" })].join(
    "\n",
  );

  await expect(run(text)).rejects.toThrow("Cannot replay: line 3: it is no JSON");

  expect(recorded.told.map((line) => /^line \d+/.exec(line)?.[0])).toEqual(["line 3", "line 4", "line 5"]);
  expect(recorded.told.join()).not.toContain("hush");
  expect(calls).toEqual([]);
});

test("replay() sends the good lines when told to leave out the bad ones", async () => {
  const { run } = await openBench();

  const summary = await run(`nonsense\n${lines(MESSAGE)}`, { skipsInvalid: true });

  expect(summary).toMatchObject({ accepted: 1, invalid: [{ line: 1, why: "it is no JSON" }] });
});

test("replay() sends nothing when it only checks", async () => {
  const { calls, run, recorded } = await openBench();

  await run(`nonsense\n${lines(MESSAGE)}`, { isDryRun: true, url: undefined });

  expect(calls).toEqual([]);
  expect(recorded.text()).toBe("2 lines: 1 can be replayed, 1 cannot; nothing was sent");
});

test("replay() goes on after an event that fails, and says which and why", async () => {
  const refuse = async () => {
    throw new PlatformRefusedError("reach the channel", "gone", "It is gone");
  };
  const { run } = await openBench({ acceptMessage: refuse });

  const summary = await run(lines(MESSAGE, { ...REACTION, platform: "slack" }, REACTION));

  expect(summary.accepted).toBe(1);
  expect(summary.failed).toEqual([
    { line: 1, why: "Cannot reach the channel" },
    { line: 2, why: "the platform slack does not run" },
  ]);
});

test("replay() makes old events new when asked", async () => {
  const { calls, run } = await openBench();

  await run(lines(MESSAGE, COMMAND), { freshId: "x1" });

  expect(calls[0]?.[1]).toBe("discord:100#x1");
  expect(calls[1]?.[1]).toMatchObject({ callId: "c1#x1" });
});

test("replay() keeps the pauses between events, as many times faster as asked", async () => {
  const { run } = await openBench();
  const startedAtMs = performance.now();

  await run(lines(MESSAGE, REACTION), { speed: 25 });

  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(190); // 5 s apart, 25 times as fast
});

test("replay() rejects with what to do when no server runs", async () => {
  const { run } = await openBench();

  await expect(run(lines(MESSAGE), { url: undefined })).rejects.toMatchObject({
    message: "Cannot replay: no server of this data folder answers",
    hint: "Start one with `reactune`",
  });
});
