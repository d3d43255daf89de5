import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CommandCall } from "#bots/chat-command.ts";
import type { Intake } from "#bots/intake.ts";
import { openEventRecorder, RecordingRefusedError } from "#commands/record-events.ts";
import { replay } from "#commands/replay.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import { partialIntake } from "../../fixtures/bots/recording-intake.ts";
import { openWorld } from "../../fixtures/dashboard/open-world.ts";
import { recordingConnector, recordingLog } from "../bots/chat-world.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";
import { recordingOutput } from "./recording-output.ts";

const AT_MS = Date.parse("2026-11-21T14:00:00.000Z");
const PLACE = { workspaceId: "slack:T1", channelId: "C1" } as const;
const TOKEN = `xoxb-${"1234567890".repeat(2)}-abcdefghijklmnopqrstuvwx`;
const MESSAGE: IncomingMessage = {
  ...PLACE,
  platform: "slack",
  threadId: "1.0",
  visibility: "private",
  userId: "U1",
  messageId: "1.1",
  text: `why does ${TOKEN} not work?`,
  sentAtMs: AT_MS,
};
const GLANCE = { ...PLACE, visibility: "private", userId: "U1", roles: ["S1"], isAddressed: true } as const;
const CALL: CommandCall = {
  ...PLACE,
  platform: "slack",
  command: "teach",
  callId: "call-1",
  visibility: "private",
  userId: "U1",
  roles: [],
  isAdmin: true,
  options: new Map([["answer", "Ask the admins"]]),
  messageId: "1.2",
  isForm: true,
  atMs: AT_MS + 3000,
};
const FEEDBACK = { ...PLACE, messageId: "1.2", userId: "U1" } as const;

function countingIntake() {
  const calls: unknown[][] = [];
  const count =
    (name: string) =>
    async (...given: unknown[]) =>
      void calls.push([name, ...given]);
  const intake = partialIntake({
    acceptMessage: count("message"),
    acceptEdit: count("edit"),
    acceptDeletion: count("deletion"),
    acceptFeedback: count("feedback"),
    acceptPlaceEvent: count("place"),
    runCommand: async (call) => {
      calls.push(["command", call]);
      return { text: "Done" };
    },
  });
  return { calls, intake };
}

/** What the connector hands in goes through the recorder to the intake behind it. */
async function openRecording() {
  const path = join(makeTempFolder(), "events.jsonl");
  const { log, lines } = recordingLog();
  const recorder = await openEventRecorder(path, log);
  const { calls, intake } = countingIntake();
  let given: Intake | undefined;
  const { connector } = recordingConnector();
  const start = async (handed: Intake) => {
    given = handed;
  };
  await recorder.watch({ ...connector, platform: "slack", start }).start(intake);
  if (given === undefined) throw new Error("The connector was not started");
  return { path, recorder, calls, logged: lines, intake: given };
}

async function talk(intake: Intake): Promise<void> {
  intake.wants(GLANCE);
  await intake.acceptMessage("slack:T1:C1:1.1", MESSAGE);
  await intake.acceptFeedback({ ...FEEDBACK, source: "reaction", emoji: "heart_eyes", atMs: AT_MS + 1000 });
  await intake.acceptFeedback({ ...FEEDBACK, source: "button", score: 2, atMs: AT_MS + 2000 });
  await intake.runCommand(CALL);
  await intake.acceptEdit({ ...PLACE, messageId: "1.1", text: "never mind", editedAtMs: AT_MS + 4000 });
  await intake.acceptDeletion({ ...PLACE, messageId: "1.1" });
}

test("openEventRecorder() writes what came in, which replay() hands to another bot in the same order", async () => {
  const { path, recorder, calls, intake } = await openRecording();
  await talk(intake);
  await recorder.close();
  const replayed = countingIntake();
  const world = await openWorld();
  const listening = await createDashboard({ ...world.parts, intakeOf: () => replayed.intake }).listen("127.0.0.1", 0);
  onTestFinished(async () => {
    await listening.close();
    await world.close();
  });

  const options = { url: listening.url, isDryRun: false, speed: 0, skipsInvalid: false, isJson: false };
  const summary = await replay(readFileSync(path, "utf8"), options, recordingOutput().output);

  expect(summary).toMatchObject({ lines: 6, accepted: 6, invalid: [], failed: [] });
  expect(replayed.calls.map(([name]) => name)).toEqual(calls.map(([name]) => name));
  const { text: _, ...message } = MESSAGE;
  expect(replayed.calls[0]?.slice(1)).toMatchObject(["slack:T1:C1:1.1", message]);
  expect(replayed.calls[1]?.[1]).toMatchObject({ emoji: "heart_eyes", atMs: AT_MS + 1000 });
  expect(replayed.calls[2]?.[1]).toMatchObject({ score: 2, source: "button" });
  expect(replayed.calls[3]?.[1]).toEqual(CALL);
});

test("openEventRecorder() leaves secrets out, keeps roles, and its file is for its owner alone", async () => {
  const { path, recorder, intake } = await openRecording();

  await talk(intake);
  await recorder.close();

  const text = readFileSync(path, "utf8");
  expect(text).not.toContain(TOKEN.slice(0, 20));
  expect(JSON.parse(text.split("\n")[0] ?? "")).toMatchObject({ text: "why does [secret] not work?", roles: ["S1"] });
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("openEventRecorder() goes on in a file that holds an earlier recording", async () => {
  const { path, recorder, intake } = await openRecording();
  await intake.acceptMessage("slack:T1:C1:1.1", MESSAGE);
  await recorder.close();
  const { log } = recordingLog();

  await (await openEventRecorder(path, log)).close();

  expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(1);
});

test("openEventRecorder() leaves out what would erase or ask again, and still hands it in", async () => {
  const { path, recorder, calls, intake } = await openRecording();

  await intake.acceptPlaceEvent({ kind: "left", workspaceId: "slack:T1" });
  await intake.acceptMessage("slack:T1:C1:1.1", { ...MESSAGE, regenerationOf: "turn-1" });
  await recorder.close();

  expect(readFileSync(path, "utf8")).toBe("");
  expect(calls.map(([name]) => name)).toEqual(["place", "message"]);
});

test("openEventRecorder() refuses a file that cannot be written", async () => {
  const path = join(makeTempFolder(), "no-such-folder", "events.jsonl");

  await expect(openEventRecorder(path, recordingLog().log)).rejects.toBeInstanceOf(RecordingRefusedError);
});
