import type { FeedbackChange } from "#core/feedback.ts";
import type { Attachment, IncomingMessage } from "#core/inbox.ts";
import type { Visibility } from "#core/scope.ts";
import type { ChatCommand, CommandCall, CommandChoice, CommandReply } from "./chat-command.ts";

/** How a message came. */
export interface AcceptOptions {
  /** The last minute of its channel is read again at every start, so that a power cut need not be feared as it is accepted. */
  readonly isReadAgain?: boolean;
}

/** Where a connector's events go. Each promise resolves when the event is durable; only then may the platform be told that it arrived. */
export interface Intake {
  /** Whether a message is meant for the bot by the rules of its place. What is not is dropped without a trace. Costs no I/O. */
  wants(message: MessageGlance): boolean;
  /** The same event twice is one. An `eventId` is unique over all platforms: "discord:<message id>". */
  acceptMessage(eventId: string, message: IncomingMessage, options?: AcceptOptions): Promise<void>;
  /** A question was edited; one that was never accepted is ignored. */
  acceptEdit(edit: QuestionEdit): Promise<void>;
  /** A message of a person or of ours is gone. */
  acceptDeletion(place: PostedPlace): Promise<void>;
  acceptFeedback(change: PlatformFeedback): Promise<void>;
  /** All reactions under one reply as they are now; what is stored and no longer there was taken back meanwhile. */
  acceptReactions(snapshot: ReactionSnapshot): Promise<void>;
  acceptPlaceEvent(event: PlaceEvent): Promise<void>;
  /** Ends a reply that is being written; false when none is under way for that message. */
  stopReply(place: PostedPlace): Promise<boolean>;

  /** What this platform offers, in the order of the help text. */
  readonly commands: readonly ChatCommand[];
  /** Checks access, runs, audits. An expected failure is a reply that says what to do, never a rejection. */
  runCommand(call: CommandCall): Promise<CommandReply>;
  /** Suggestions while somebody types an option; at most 25. */
  completeOption(call: CommandCall, option: string, typed: string): Promise<readonly CommandChoice[]>;
}

/** Feedback as a platform knows it: by message, not by turn. An emoji that is no feedback is ignored later, by the use case. */
export type PlatformFeedback = Omit<FeedbackChange, "turnId" | "score" | "atMs"> & {
  readonly channelId: string;
  readonly messageId: string;
  readonly atMs: number;
  readonly emoji?: string;
  /** The emoji was taken away. */
  readonly isRemoval?: boolean;
  /** A score given without an emoji (button, command); `null` takes it back. */
  readonly score?: number | null;
};

export interface PostedPlace {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly threadId?: string;
  readonly messageId: string;
}

/** What can be known of a message before it is stored. */
export interface MessageGlance {
  readonly workspaceId: string;
  readonly channelId: string;
  readonly visibility: Visibility;
  readonly userId: string;
  /** Roles or user groups of the writer. */
  readonly roles: readonly string[];
  /** It mentions the bot, answers a message of it, or stands in a thread that the bot is part of. */
  readonly isAddressed: boolean;
}

export interface QuestionEdit extends PostedPlace {
  readonly text: string;
  /** As the place is now; that of the question before when not given. */
  readonly visibility?: Visibility;
  /** Files that still hang on it; none when not given. */
  readonly attachments?: readonly Attachment[];
  readonly editedAtMs: number;
}

export interface ReactionSnapshot extends PostedPlace {
  readonly reactions: readonly { readonly userId: string; readonly emoji: string }[];
  readonly atMs: number;
}

export type PlaceEvent =
  /** The bot came into a workspace; `isNew` is false when the platform only tells what was so before. */
  | { readonly kind: "joined"; readonly workspaceId: string; readonly isNew: boolean; readonly adminId?: string }
  | { readonly kind: "left"; readonly workspaceId: string }
  | { readonly kind: "channel-deleted"; readonly workspaceId: string; readonly channelId: string }
  /** A channel changed between public and private. */
  | {
      readonly kind: "visibility-changed";
      readonly workspaceId: string;
      readonly channelId: string;
      readonly visibility: Visibility;
    };
