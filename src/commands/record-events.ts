import { createWriteStream } from "node:fs";
import { resolve } from "node:path";
import type { CommandCall } from "#bots/chat-command.ts";
import type { Intake, PlatformFeedback } from "#bots/intake.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { cleanText } from "#core/clean-text.ts";
import { OperatingError } from "#core/errors.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import { type Platform, platformOf } from "#core/scope.ts";
import type { ReplayEvent } from "#dashboard/replay-records.ts";
import { maskSecrets } from "#trainer/mask-secrets.ts";

/** Writes what platforms hand in as lines that `reactune replay` reads: in order, with secrets left out. */
export interface EventRecorder {
  /** The same connector, heard by the recorder. */
  watch(connector: PlatformConnector): PlatformConnector;
  /** Resolves when all lines are in the file. */
  close(): Promise<void>;
}

export class RecordingRefusedError extends OperatingError {
  readonly code = "RECORDING_REFUSED";
  readonly hint = "Name a file in a folder that exists and that you may write to";

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot record events: file "${path}" cannot be written`, options);
  }
}

/** Lines that wait for the disk; what comes beyond that is left out and counted. */
const WAITING_MAX = 10_000;

/** Appends to the file, which its owner alone can read. Rejects with RecordingRefusedError when it cannot be written. */
export async function openEventRecorder(path: string, log: Log): Promise<EventRecorder> {
  const file = createWriteStream(resolve(path), { flags: "a", mode: 0o600 });
  await new Promise<void>((done, fail) => {
    file.once("open", () => done());
    file.once("error", (cause) => fail(new RecordingRefusedError(path, { cause })));
  });
  let isBroken = false;
  file.on("error", (error) => {
    isBroken = true;
    log.error({ err: error }, "recording.failed");
  });
  let waiting = 0;
  let leftOut = 0;
  let written: Promise<void> = Promise.resolve();

  function record(event: ReplayEvent): void {
    if (isBroken || waiting >= WAITING_MAX) {
      leftOut++;
      return;
    }
    waiting++;
    written = written
      .then(async () => {
        const line = `${JSON.stringify(await withoutSecrets(event))}\n`;
        await new Promise<void>((done) => file.write(line, () => done()));
      })
      .catch((error: unknown) => log.error({ err: error }, "recording.failed"))
      .finally(() => {
        waiting--;
      });
  }

  log.warn({ file: resolve(path) }, "recording.started");
  return {
    watch: (connector) => ({
      ...connector,
      start: (intake) => connector.start(recordedIntake(intake, connector.platform, record)),
    }),
    async close() {
      await written;
      await new Promise<void>((done) => file.end(() => done()));
      log.warn({ file: resolve(path), leftOut }, "recording.ended");
    },
  };
}

/** People whose roles are remembered between the look at a message and its arrival. */
const GLANCES_MAX = 1000;

function recordedIntake(intake: Intake, platform: Platform, record: (event: ReplayEvent) => void): Intake {
  const rolesOf = new Map<string, readonly string[]>();
  return {
    ...intake,
    wants(glance) {
      const isWanted = intake.wants(glance);
      if (isWanted && glance.roles.length > 0) {
        if (rolesOf.size >= GLANCES_MAX) rolesOf.clear();
        rolesOf.set(keyOf(glance), glance.roles);
      }
      return isWanted;
    },
    acceptMessage(eventId, message) {
      // Answering again names a turn, which another store does not have.
      if (message.regenerationOf === undefined)
        record(messageEvent(eventId, message, rolesOf.get(keyOf(message)) ?? []));
      return intake.acceptMessage(eventId, message);
    },
    acceptEdit(edit) {
      const { workspaceId, channelId, threadId, messageId, text, editedAtMs } = edit;
      const place = { workspaceId, channelId, ...threadOf(threadId), messageId };
      record({ kind: "edit", platform, at: isoOf(editedAtMs), ...place, text });
      return intake.acceptEdit(edit);
    },
    acceptDeletion(deleted) {
      const { workspaceId, channelId, threadId, messageId } = deleted;
      const place = { workspaceId, channelId, ...threadOf(threadId), messageId };
      record({ kind: "deletion", platform, at: isoOf(Date.now()), ...place });
      return intake.acceptDeletion(deleted);
    },
    acceptFeedback(change) {
      for (const event of feedbackEvents(change)) record(event);
      return intake.acceptFeedback(change);
    },
    runCommand(call) {
      record(commandEvent(call));
      return intake.runCommand(call);
    },
  };
}

function messageEvent(eventId: string, message: IncomingMessage, roles: readonly string[]): ReplayEvent {
  const { platform, workspaceId, channelId, threadId, visibility, userId, messageId, text, sentAtMs } = message;
  return {
    kind: "message",
    platform,
    at: isoOf(sentAtMs),
    eventId,
    workspaceId,
    channelId,
    ...threadOf(threadId),
    visibility,
    userId,
    roles: [...roles],
    messageId,
    text,
    isAddressed: true,
  };
}

/** An emoji, or the score of a button; what a form says comes as a command. */
function feedbackEvents(change: PlatformFeedback): readonly ReplayEvent[] {
  const { workspaceId, channelId, messageId, userId, emoji, isRemoval, score, atMs } = change;
  const place = { platform: platformOf(workspaceId), at: isoOf(atMs), workspaceId, channelId, messageId, userId };
  if (emoji !== undefined) return [{ kind: "reaction", ...place, emoji, isRemoval: isRemoval === true }];
  return score === undefined ? [] : [{ kind: "score", ...place, score }];
}

function commandEvent(call: CommandCall): ReplayEvent {
  const { platform, atMs, callId, workspaceId, channelId, threadId, visibility, userId, roles, isAdmin } = call;
  return {
    kind: "command",
    platform,
    at: isoOf(atMs),
    callId,
    workspaceId,
    channelId,
    ...threadOf(threadId),
    visibility,
    userId,
    roles: [...roles],
    isAdmin,
    command: call.command,
    options: Object.fromEntries(call.options),
    ...(call.messageId === undefined ? {} : { messageId: call.messageId }),
    isForm: call.isForm === true,
  };
}

/** Keys and passwords that people pasted become placeholders, as in a data set. */
async function withoutSecrets(event: ReplayEvent): Promise<ReplayEvent> {
  if (event.kind === "message" || event.kind === "edit") {
    const [masked] = await maskSecrets([cleanText(event.text)]);
    return { ...event, text: masked?.text ?? "" };
  }
  if (event.kind !== "command") return event;
  const names = Object.keys(event.options);
  const masked = await maskSecrets(Object.values(event.options).map(cleanText));
  return { ...event, options: Object.fromEntries(names.map((name, index) => [name, masked[index]?.text ?? ""])) };
}

function keyOf(who: Pick<IncomingMessage, "workspaceId" | "channelId" | "userId">): string {
  return JSON.stringify([who.workspaceId, who.channelId, who.userId]);
}

function threadOf(threadId: string | undefined): { readonly threadId?: string } {
  return threadId === undefined ? {} : { threadId };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
