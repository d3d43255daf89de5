/** What one check found. A failure keeps a run from working; a warning makes it worse. */
export interface Finding {
  readonly name: string;
  readonly state: "ok" | "warning" | "failure";
  /** What is there, with its figures. */
  readonly found: string;
  /** What to do, ending in a command or a setting; only where the state is not ok. */
  readonly fix?: string;
}

export const ok = (name: string, found: string): Finding => ({ name, state: "ok", found });
export const warning = (name: string, found: string, fix: string): Finding => ({ name, state: "warning", found, fix });
export const failure = (name: string, found: string, fix: string): Finding => ({ name, state: "failure", found, fix });

/** "1.5 GB", decimal as disks and memory are sold. */
export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;
}
