import type { Platform } from "./scope.ts";

/** A workspace that installed the app by OAuth. Its credentials are stored sealed, never as text. */
export interface Installation {
  readonly platform: Platform;
  readonly workspaceId: string;
  /** The platform's own record with its tokens, encrypted; base64. */
  readonly sealed: string;
  /** Names the key that it was sealed with: another key is refused instead of giving rubbish. */
  readonly keyId: string;
  readonly installedBy: string;
  readonly installedAtMs: number;
}
