/** One setting that an admin changed while the program runs. A channel's wins over its workspace's, that over the configuration. */
export interface Setting {
  readonly workspaceId: string;
  /** Undefined: the whole workspace. */
  readonly channelId?: string;
  /** Dotted, as in the configuration: "assistant.systemPrompt". */
  readonly key: string;
  /** JSON text of the value; checked by the configuration's schema before it is stored. */
  readonly value: string;
  readonly setBy: string;
  readonly setAtMs: number;
}
