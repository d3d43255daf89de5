/** Port: the local platform as its own pages, the terminal and simulated people use it. */
export interface LocalChat {
  /** Resolves when the question is durable. Asking with a `messageId` that was used before asks nothing again. */
  ask(question: LocalQuestion): Promise<AskedQuestion>;
  /** Puts an emoji under a reply, or takes it away. An emoji that is no feedback changes nothing. */
  react(reaction: LocalReaction): Promise<void>;
  /**
   * Hears the replies of one channel while they grow. A reply that is under way is told at once, as far as it is.
   * Returns a function that ends the subscription.
   */
  subscribe(channelId: string, listener: (reply: LocalReply) => void): () => void;
}

export const LOCAL_WORKSPACE_ID = "local:home";

export interface LocalQuestion {
  readonly userId: string;
  readonly channelId: string;
  /** Keeps conversations of one channel apart. */
  readonly threadId?: string;
  readonly text: string;
  /** Made here when it is not given. Unique over the whole local platform. */
  readonly messageId?: string;
  /** The turn to answer again. */
  readonly regenerationOf?: string;
}

export interface AskedQuestion {
  readonly messageId: string;
}

export interface LocalReaction {
  readonly userId: string;
  readonly channelId: string;
  /** Of the reply. */
  readonly messageId: string;
  readonly emoji: string;
  readonly isRemoval?: boolean;
}

export interface LocalReply {
  readonly turnId: string;
  readonly channelId: string;
  readonly threadId?: string;
  /** The question's message. */
  readonly inReplyTo: string;
  /** The message that holds the newest text; reactions name it. */
  readonly messageId: string;
  /** The whole reply so far, all parts. */
  readonly text: string;
  readonly isFinal: boolean;
}
