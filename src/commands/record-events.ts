import { resolve } from "node:path";
import type { CommandCall } from "#bots/chat-command.ts";
import type { Intake, PlatformFeedback } from "#bots/intake.ts";
import type { PlatformConnector } from "#bots/platform-connector.ts";
import { cleanText } from "#core/clean-text.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import type { Deletion } from "#core/people.ts";
import { type Platform, platformOf } from "#core/scope.ts";
import type { ReplayEvent } from "#dashboard/replay-records.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import { maskSecrets } from "#trainer/mask-secrets.ts";
import { type Erasure, withoutErased } from "./recording-erasures.ts";
import { openRecordingFile } from "./recording-file.ts";

/**
 * Writes what platforms hand in as lines that `reactune replay` reads: in order, with secrets left out, and without what was erased
 * since.
 */
export interface EventRecorder {
  /** The same connector, heard by the recorder. */
  watch(connector: PlatformConnector): PlatformConnector;
  /** The same store; what is erased leaves the recording before the call resolves. */
  watchErasures(privacy: PrivacyStore): PrivacyStore;
  /** Removes people whose data went elsewhere: before this recording went on, or through another process. */
  eraseDeleted(deletions: readonly Deletion[]): Promise<void>;
  /** Resolves when all lines are in the file. */
  close(): Promise<void>;
}

export interface EventRecorderOptions {
  /** Largest size of the recording; its oldest lines go. */
  readonly bytesMax: number;
  readonly log: Log;
}

/** Lines that wait for the disk; what comes beyond that is left out and counted. */
const WAITING_MAX = 10_000;
/** The file is written anew once for all messages that are deleted meanwhile. */
const DELETED_WAIT_MS = 1000;

/** Appends to the file, which its owner alone can read. Rejects with RecordingRefusedError when it cannot be written. */
export async function openEventRecorder(
  given: string,
  { bytesMax, log }: EventRecorderOptions,
): Promise<EventRecorder> {
  const path = resolve(given);
  const file = await openRecordingFile(path, { bytesMax, log });
  let waiting = 0;
  let leftOut = 0;
  let isBroken = false;
  let written: Promise<void> = Promise.resolve();
  let pending: Erasure[] = [];
  let sweepLater: NodeJS.Timeout | undefined;
  const known = new Map<string, number>();

  /** One after the other; what fails is told once, and nothing is written after it. */
  function queue(act: () => Promise<void>): Promise<void> {
    const done = written.then(act);
    written = done.catch((error: unknown) => {
      if (!isBroken) log.error({ err: error }, "recording.failed");
      isBroken = true;
    });
    return done;
  }

  function record(event: ReplayEvent): void {
    if (isBroken || waiting >= WAITING_MAX) {
      leftOut++;
      return;
    }
    waiting++;
    const done = queue(async () => file.append(await withoutSecrets(event)));
    done.catch(() => {}).finally(() => waiting--);
    if (event.kind !== "deletion") return;
    pending.push({ kind: "message", of: event });
    sweepLater ??= setTimeout(() => void sweep([]).catch(() => {}), DELETED_WAIT_MS);
  }

  /** Rejects when words may have stayed in the file. */
  async function sweep(erasures: readonly Erasure[]): Promise<void> {
    clearTimeout(sweepLater);
    sweepLater = undefined;
    const all = [...pending, ...erasures];
    pending = [];
    if (all.length === 0) return;
    await queue(() => file.rewrite((event, events) => withoutErased(all, event, events)));
    log.info({ file: path, erasures: all.length }, "recording.erased");
  }

  log.warn({ file: path, bytesMax, holds: "what people write" }, "recording.started");
  return {
    watch: (connector) => ({
      ...connector,
      start: (intake) => connector.start(recordedIntake(intake, connector.platform, record)),
    }),
    watchErasures: (privacy) => ({
      ...privacy,
      async erasePerson(workspaceId, userId, atMs) {
        const erased = await privacy.erasePerson(workspaceId, userId, atMs);
        await sweep([{ kind: "person", of: { workspaceId, userId, atMs } }]);
        return erased;
      },
      async erasePlace(place, atMs) {
        const erased = await privacy.erasePlace(place, atMs);
        await sweep([{ kind: "place", of: { ...place, atMs } }]);
        return erased;
      },
      async eraseBefore(workspaceId, beforeMs, limit) {
        const erased = await privacy.eraseBefore(workspaceId, beforeMs, limit);
        if (erased.turnIds.length > 0) await sweep([{ kind: "before", of: { workspaceId, beforeMs } }]);
        return erased;
      },
    }),
    async eraseDeleted(deletions) {
      const fresh = deletions.filter(({ workspaceId, userId, atMs }) => {
        const key = JSON.stringify([workspaceId, userId]);
        if ((known.get(key) ?? 0) >= atMs) return false;
        known.set(key, atMs);
        return true;
      });
      await sweep(fresh.map((of) => ({ kind: "person", of })));
    },
    async close() {
      await sweep([]).catch(() => {});
      await written;
      log.warn({ file: path, leftOut, holds: "what people wrote" }, "recording.ended");
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
