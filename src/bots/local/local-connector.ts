import type { Intake } from "#bots/intake.ts";
import type { AskedQuestion, LocalChat, LocalQuestion, LocalReaction, LocalReply } from "#bots/local-chat.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { ConnectorLimits, PlatformConnector, PostedPart, ReplyPart } from "#bots/platform-connector.ts";
import type { NewId, Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";

export type LocalConnector = PlatformConnector & LocalChat;

/** Replies whose end never came are forgotten beyond this many, oldest first; the store still has them. */
const LIVE_REPLIES_MAX = 1000;

/**
 * The platform of the program's own web and terminal chat. It keeps nothing: a reply lives in the store, and here only
 * as long as it grows.
 */
export function createLocalConnector({ now, newId }: { readonly now: Now; readonly newId: NewId }): LocalConnector {
  const listeners = new Map<string, Set<(reply: LocalReply) => void>>();
  const live = new Map<string, LiveReply>();
  let intake: Intake | undefined;

  const started = (): Intake => {
    if (intake === undefined) throw new Error("Cannot use the local platform: it has not started");
    return intake;
  };

  const show = (part: ReplyPart): PostedPart => {
    const reply = live.get(part.turnId) ?? { parts: [] };
    reply.parts[part.part] = part.text;
    live.delete(part.turnId);
    const told = describeReply(part, reply);
    if (!part.isFinal) {
      live.set(part.turnId, { ...reply, told });
      forgetOldest(live);
    }
    for (const listener of [...(listeners.get(part.channelId) ?? [])]) listener(told);
    return { messageId: told.messageId };
  };

  return {
    platform: "local",
    limits: LIMITS,
    // The pages and the terminal render Markdown themselves.
    render: (markdown) => markdown,
    async start(given) {
      intake = given;
    },
    async post(part) {
      return show(part);
    },
    async edit(_posted, part) {
      show(part);
    },
    // A part's id follows from its turn, so posting again after a crash gives the same message.
    async reconcile(part) {
      return live.get(part.turnId)?.parts[part.part] === undefined ? undefined : { messageId: replyMessageId(part) };
    },
    // The store forgets; the pages read it again.
    async remove() {},
    // Pages and terminal show by themselves that a question waits.
    showBusy() {},
    async offerEmoji() {},
    // The admin of the local platform reads the pages and the log.
    async tell() {},
    async readAttachment() {
      throw new PlatformRefusedError("read a file of the local platform", "invalid", "Paste the text into the message");
    },
    // Nobody can write while the program is away.
    async catchUp() {},
    async stop() {
      intake = undefined;
      listeners.clear();
      live.clear();
    },

    async ask(question): Promise<AskedQuestion> {
      const messageId = question.messageId ?? newId();
      await started().acceptMessage(`local:${messageId}`, incomingMessage(question, messageId, now()));
      return { messageId };
    },
    async react(reaction) {
      await started().acceptFeedback(platformFeedback(reaction, now()));
    },
    subscribe(channelId, listener) {
      const ofChannel = listeners.get(channelId) ?? new Set();
      listeners.set(channelId, ofChannel.add(listener));
      for (const { told } of live.values()) if (told?.channelId === channelId) listener(told);
      return () => {
        ofChannel.delete(listener);
        if (ofChannel.size === 0 && listeners.get(channelId) === ofChannel) listeners.delete(channelId);
      };
    },
  };
}

const LIMITS: ConnectorLimits = { messageCharsMax: Number.MAX_SAFE_INTEGER, editIntervalMs: 30 };

interface LiveReply {
  readonly parts: string[];
  readonly told?: LocalReply;
}

function describeReply(part: ReplyPart, reply: LiveReply): LocalReply {
  return {
    turnId: part.turnId,
    channelId: part.channelId,
    ...(part.threadId === undefined ? {} : { threadId: part.threadId }),
    inReplyTo: part.inReplyTo,
    messageId: replyMessageId(part),
    text: reply.parts.join(""),
    isFinal: part.isFinal,
  };
}

function replyMessageId(part: { readonly turnId: string; readonly part: number }): string {
  return `${part.turnId}.${part.part}`;
}

function forgetOldest(live: Map<string, LiveReply>): void {
  for (const turnId of live.keys()) {
    if (live.size <= LIVE_REPLIES_MAX) return;
    live.delete(turnId);
  }
}

function incomingMessage(question: LocalQuestion, messageId: string, sentAtMs: number) {
  return {
    platform: "local",
    workspaceId: LOCAL_WORKSPACE_ID,
    channelId: question.channelId,
    ...(question.threadId === undefined ? {} : { threadId: question.threadId }),
    visibility: "public",
    userId: question.userId,
    messageId,
    text: question.text,
    sentAtMs,
    ...(question.regenerationOf === undefined ? {} : { regenerationOf: question.regenerationOf }),
  } as const;
}

function platformFeedback(reaction: LocalReaction, atMs: number) {
  return {
    workspaceId: LOCAL_WORKSPACE_ID,
    channelId: reaction.channelId,
    messageId: reaction.messageId,
    userId: reaction.userId,
    emoji: reaction.emoji,
    ...(reaction.isRemoval === true ? { isRemoval: true } : {}),
    source: "reaction",
    atMs,
  } as const;
}
