import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { CommandCall } from "#bots/chat-command.ts";
import type { Intake } from "#bots/intake.ts";
import { openEventRecorder } from "#commands/record-events.ts";
import { RecordingRefusedError } from "#commands/recording-file.ts";
import { replay } from "#commands/replay.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
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
const WRITTEN = { timeout: 20_000, interval: 20 };
const BYTES_MAX = 1_000_000;
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
async function openRecording({ bytesMax = BYTES_MAX } = {}) {
  const path = join(makeTempFolder(), "events.jsonl");
  const { log, lines } = recordingLog();
  const recorder = await openEventRecorder(path, { bytesMax, log });
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

  intake.wants(GLANCE);
  await intake.acceptMessage("slack:T1:C1:1.1", MESSAGE);
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

  await (await openEventRecorder(path, { bytesMax: BYTES_MAX, log })).close();

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

  await expect(openEventRecorder(path, { bytesMax: BYTES_MAX, log: recordingLog().log })).rejects.toBeInstanceOf(
    RecordingRefusedError,
  );
});

test("openEventRecorder() keeps the newest lines and warns when the recording is as large as it may be", async () => {
  const { path, recorder, intake, logged } = await openRecording({ bytesMax: 20_000 });

  for (let index = 0; index < 200; index++) {
    await intake.acceptMessage(`slack:T1:C1:${index}`, { ...MESSAGE, messageId: String(index), text: "a".repeat(100) });
  }
  await recorder.close();

  const ids = [`${path}.1`, path].flatMap((file) => linesOf(file).map(({ messageId }) => Number(messageId)));
  expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThanOrEqual(20_000);
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
  expect(ids.length).toBeGreaterThan(20);
  expect(ids).toEqual(Array.from({ length: ids.length }, (_, index) => 200 - ids.length + index));
  expect(logged.filter(({ event }) => event === "recording.rotated").length).toBeGreaterThan(1);
});

const BEN: IncomingMessage = { ...MESSAGE, userId: "U2", messageId: "2.1", text: "my parcel is late" };
/** Erases nothing itself: only what the recorder does with it is looked at. */
const nothing = async () => ({ turnIds: ["turn-1"], feedback: 0 });
const privacyStore = (): PrivacyStore => ({
  exportPerson: async () => ({ turns: [], conversations: [], feedback: [], reports: [] }),
  erasePerson: nothing,
  eraseTurn: nothing,
  erasePlace: nothing,
  eraseBefore: nothing,
  resumeErasures: nothing,
  listWorkspaces: async () => [],
});

async function recordTwoPeople(bytesMax?: number) {
  const recording = await openRecording({ ...(bytesMax === undefined ? {} : { bytesMax }) });
  const { intake } = recording;
  await intake.acceptMessage("slack:T1:C1:1.1", MESSAGE);
  await intake.acceptEdit({ ...PLACE, messageId: "1.1", text: "why does it fail?", editedAtMs: AT_MS + 1000 });
  await intake.acceptMessage("slack:T1:C1:2.1", BEN);
  await intake.acceptEdit({ ...PLACE, messageId: "2.1", text: "my parcel is very late", editedAtMs: AT_MS + 1000 });
  await intake.acceptFeedback({ ...FEEDBACK, source: "reaction", emoji: "heart_eyes", atMs: AT_MS + 2000 });
  await intake.runCommand(CALL);
  return recording;
}

test.each([
  ["one file", BYTES_MAX],
  ["two files", 1500],
] as const)(
  "watchErasures() removes every line of a person who is forgotten, and only those (%s)",
  async (_name, bytesMax) => {
    const { path, recorder } = await recordTwoPeople(bytesMax);
    const files = () => [`${path}.1`, path].flatMap(linesOf);
    const before = await vi.waitFor(() => {
      expect(files()).toHaveLength(6);
      return files();
    }, WRITTEN);
    expect(existsSync(`${path}.1`)).toBe(bytesMax < BYTES_MAX);

    await recorder.watchErasures(privacyStore()).erasePerson("slack:T1", "U1", AT_MS + 60_000);

    const left = files();
    await recorder.close();
    expect(before.map(({ kind }) => kind)).toEqual(["message", "edit", "message", "edit", "reaction", "command"]);
    expect(left.map(({ kind, messageId }) => [kind, messageId])).toEqual([
      ["message", "2.1"],
      ["edit", "2.1"],
    ]);
  },
);

test("watchErasures() keeps what a person writes after they were forgotten, and what others write elsewhere", async () => {
  const { path, recorder, intake } = await openRecording();
  const privacy = recorder.watchErasures(privacyStore());
  await intake.acceptMessage("slack:T1:C1:1.1", MESSAGE);
  await intake.acceptMessage("slack:T2:C1:1.1", { ...MESSAGE, workspaceId: "slack:T2" });
  await privacy.erasePerson("slack:T1", "U1", AT_MS + 60_000);
  await intake.acceptMessage("slack:T1:C1:3.1", { ...MESSAGE, messageId: "3.1", sentAtMs: AT_MS + 120_000 });
  await recorder.close();

  expect(linesOf(path).map(({ workspaceId, messageId }) => [workspaceId, messageId])).toEqual([
    ["slack:T2", "1.1"],
    ["slack:T1", "3.1"],
  ]);
});

test("watchErasures() removes a channel that is erased, and what is older than the retention", async () => {
  const { path, recorder, intake } = await recordTwoPeople();
  const privacy = recorder.watchErasures(privacyStore());
  const elsewhere = { ...MESSAGE, channelId: "C2", messageId: "4.1" };
  await intake.acceptMessage("slack:T1:C2:4.1", elsewhere);
  await intake.acceptMessage("slack:T1:C2:4.2", { ...elsewhere, messageId: "4.2", sentAtMs: AT_MS + 60_000 });

  await privacy.erasePlace({ workspaceId: "slack:T1", channelId: "C1" }, AT_MS + 90_000);
  expect(linesOf(path).map(({ messageId }) => messageId)).toEqual(["4.1", "4.2"]);
  await privacy.eraseBefore("slack:T1", AT_MS + 30_000, 100);
  expect(linesOf(path).map(({ messageId }) => messageId)).toEqual(["4.2"]);
  await recorder.close();
});

test("eraseDeleted() removes who was forgotten while nothing was recorded, once", async () => {
  const { path, recorder, logged } = await recordTwoPeople();
  const deletion = { workspaceId: "slack:T1", userId: "U2", atMs: AT_MS + 60_000 };

  await recorder.eraseDeleted([deletion]);
  await recorder.eraseDeleted([deletion]);
  await recorder.close();

  expect(linesOf(path).map(({ messageId }) => messageId)).toEqual(["1.1", "1.1", "1.2", "1.2"]);
  expect(logged.filter(({ event }) => event === "recording.erased")).toHaveLength(1);
});

test("openEventRecorder() keeps no words of a message that is deleted on its platform", async () => {
  const { path, recorder, intake } = await recordTwoPeople();
  await intake.acceptDeletion({ ...PLACE, messageId: "1.1" });
  await recorder.close();

  expect(linesOf(path).map(({ kind, text }) => [kind, text])).toEqual([
    ["message", "[deleted]"],
    ["edit", "[deleted]"],
    ["message", BEN.text],
    ["edit", "my parcel is very late"],
    ["reaction", undefined],
    ["command", undefined],
    ["deletion", undefined],
  ]);
});

function linesOf(path: string): readonly Readonly<Record<string, unknown>>[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
