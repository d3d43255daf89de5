import type { ReplyPart } from "#bots/platform-connector.ts";
import type { Now } from "#core/clock.ts";
import type { LiveProcesses } from "#store/live-processes.ts";
import type { Growing } from "./growing-reply.ts";
import { recentMap } from "./recent-map.ts";
import type { ReplyStreams } from "./reply-streams.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

/** Slack's minute of edits, shared by the ends of all replies that grow by them: here and in other processes. */
export interface ReplyRoom {
  hasRoomFor(part: ReplyPart): Promise<boolean>;
  /** Other processes need not count with the end of this reply any more. Never rejects. */
  leaveRoom(part: Pick<ReplyPart, "turnId" | "part">): Promise<void>;
}

export interface ReplyRoomParts {
  readonly workspaces: SlackWorkspaces;
  readonly streams: Pick<ReplyStreams, "canStart">;
  /** Where other processes write replies into the same workspaces. */
  readonly live?: LiveProcesses | undefined;
  /** Replies that are being written here. */
  readonly growing: () => readonly Growing[];
  /** How many are being posted here. */
  readonly posting: () => number;
  readonly now: Now;
}

/** A reply that has not grown for so long was given up. */
const ENDED_WITHIN_MS = 60_000;
const REPLIES_MAX = 2000;

export function replyRoom(parts: ReplyRoomParts): ReplyRoom {
  const { workspaces, streams, now } = parts;
  /** Replies whose end other processes count with, and among what. */
  const awaitedEnds = recentMap<string>(REPLIES_MAX);

  /** Every reply that grows by edits needs one more for its end: beyond Slack's minute those would wait, each behind all before it. */
  async function hasRoomFor(part: ReplyPart): Promise<boolean> {
    const workspace = await workspaces.get(part.workspaceId);
    if (streams.canStart(part, workspace) && (await workspace.calls.hasRoomOfAll("chat.startStream"))) return true;
    const sinceMs = now() - ENDED_WITHIN_MS;
    const awaited = parts
      .growing()
      .filter((one) => one.workspaceId === part.workspaceId && !one.isStream && one.editedAtMs > sinceMs);
    const left = await workspace.calls.left("chat.update");
    return left > awaited.length + parts.posting() && (await awaitEnd(part, workspace, left));
  }

  /** Other processes await the ends of their replies from the same edits. */
  async function awaitEnd(part: ReplyPart, workspace: SlackWorkspace, left: number): Promise<boolean> {
    const { live } = parts;
    if (live === undefined) return true;
    const [work, member] = [workOf(workspace), memberOf(part)];
    try {
      const awaited = await live.beat(work, member, ENDED_WITHIN_MS);
      awaitedEnds.set(member, work);
      if (awaited <= left) return true;
      await leaveRoom(part);
      return false;
    } catch {
      return true; // told by the connection's health; each process counts for itself
    }
  }

  async function leaveRoom(part: Pick<ReplyPart, "turnId" | "part">): Promise<void> {
    const member = memberOf(part);
    const work = awaitedEnds.get(member);
    if (work === undefined) return;
    awaitedEnds.delete(member);
    // Else it is awaited until its time is over.
    await parts.live?.leave(work, member).catch(() => {});
  }

  return { hasRoomFor, leaveRoom };
}

function workOf({ teamId }: SlackWorkspace): string {
  return `slack edits ${teamId}`;
}

function memberOf({ turnId, part }: Pick<ReplyPart, "turnId" | "part">): string {
  return `${turnId} ${part}`;
}
