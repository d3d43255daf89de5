import type { Installation } from "#core/installation.ts";
import type { Platform } from "#core/scope.ts";

/** Port: what connectors must remember between starts. */
export interface PlatformStore {
  /** How far a stream of events was seen; Unix ms. Undefined before the first. */
  getCursor(key: string): Promise<number | undefined>;
  putCursor(key: string, atMs: number): Promise<void>;
  /**
   * True for exactly one caller per key, over all processes and starts: for notices that are given once. A key that belongs to a
   * workspace names its id as a word of its own, so that erasing the workspace takes the mark away.
   */
  takeMark(key: string, nowMs: number): Promise<boolean>;
  /** Forgets the marks whose key begins so: a workspace that comes back is greeted again. */
  clearMarks(keyPrefix: string): Promise<void>;

  saveInstallation(installation: Installation): Promise<void>;
  findInstallation(platform: Platform, workspaceId: string): Promise<Installation | undefined>;
  listInstallations(platform: Platform): Promise<readonly Installation[]>;
  removeInstallation(platform: Platform, workspaceId: string): Promise<void>;
}

/** Something that happened once and is not to happen again. */
export interface Mark {
  readonly key: string;
  readonly atMs: number;
}
