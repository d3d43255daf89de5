import type { GivenSetting } from "./settings.ts";

/** One line per setting, as `reactune config show` prints it: key, value, source. Secrets are masked already. */
export function formatSettings(settings: readonly GivenSetting[]): readonly string[] {
  const keyWidth = Math.max(...settings.map(({ key }) => key.length));
  return settings.map(({ key, value, source }) => {
    const place = source.kind === "default" ? "default" : source.place;
    return `${key.padEnd(keyWidth)}  ${JSON.stringify(value)}  (${place})`;
  });
}

/** The same for programs. */
export function listSettingsForJson(
  settings: readonly GivenSetting[],
): readonly { readonly key: string; readonly value: unknown; readonly source: string; readonly place: string }[] {
  return settings.map(({ key, value, source }) => ({ key, value, source: source.kind, place: source.place }));
}
