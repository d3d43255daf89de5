import type { Setting } from "#core/setting.ts";

/** Port: settings changed while the program runs. */
export interface SettingStore {
  /** All of them, of every workspace; processes read them again about twice a second. */
  listSettings(): Promise<readonly Setting[]>;
  /** Grows with every change of any setting: cheap to poll. 0 before the first. */
  settingsRevision(): Promise<number>;
  /** Replaces the value of the same workspace, channel and key. */
  putSetting(setting: Setting): Promise<void>;
  /** Back to the next weaker source. False when there was none. */
  removeSetting(setting: Pick<Setting, "workspaceId" | "channelId" | "key">): Promise<boolean>;
}
