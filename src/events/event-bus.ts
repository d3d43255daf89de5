/** Port: a lossy hint to look again sooner. Nothing may depend on a hint arriving. */
export interface EventBus {
  publish(hint: Hint): void;
  /** Returns a function that ends the subscription. */
  subscribe(listener: (hint: Hint) => void): () => void;
}

export type Hint =
  | { readonly kind: "service.changed"; readonly scopeKey: string }
  | { readonly kind: "run.changed"; readonly runId: string }
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
