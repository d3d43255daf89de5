/** Port: a lossy hint to look again sooner. Nothing may depend on a hint arriving. */
export interface EventBus {
  publish(hint: Hint): void;
  /** `kinds` are what it wants to hear. Returns a function that ends the subscription. */
  subscribe<Kind extends HintKind>(kinds: readonly Kind[], listener: (hint: HintOf<Kind>) => void): () => void;
  /**
   * Undefined while hints of other processes may be lost; else a number that is another after every time when they may have been.
   * As long as it stays, who waits for a change need not look often. It says nothing of `turn.answered`.
   */
  hearingSpan(): number | undefined;
}

export type HintKind = Hint["kind"];
export type HintOf<Kind extends HintKind> = Extract<Hint, { readonly kind: Kind }>;

export type Hint =
  | { readonly kind: "service.changed"; readonly scopeKey: string }
  | { readonly kind: "run.changed"; readonly runId: string }
  /** Its reply is there, or was given up: for those who show it. One a message, so that nobody should hear it for nothing. */
  | { readonly kind: "turn.answered"; readonly turnId: string }
  /** What is known of a reply that was there: its feedback, its words. */
  | { readonly kind: "turn.changed"; readonly turnId: string }
  /** A permission, or what somebody chose for their own words. */
  | { readonly kind: "learning.changed"; readonly workspaceId: string }
  /** A person did something to a message that another process may be answering: its question, or what is shown of the reply. */
  | {
      readonly kind: "message.changed";
      readonly change: "edited" | "deleted" | "stopped";
      readonly workspaceId: string;
      readonly channelId: string;
      readonly messageId: string;
      /** Of the newer words. */
      readonly revision?: number;
    }
  /** A setting of a workspace or channel. */
  | { readonly kind: "settings.changed"; readonly workspaceId: string };
