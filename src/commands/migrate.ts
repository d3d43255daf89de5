import { type MigrationOptions, type MigrationSide, migrateStore } from "#store/migrate-store.ts";
import { countOf, describeBytes, type Output, printJson } from "./output.ts";

const PHASES = { copying: "Copying records", comparing: "Comparing records", files: "Copying adapters" } as const;

/** `reactune migrate --from sqlite --to mongo`: the old store stays as it is. */
export async function migrate(
  from: MigrationSide,
  to: MigrationSide,
  options: Omit<MigrationOptions, "tell"> & { readonly isJson: boolean },
  output: Output,
): Promise<void> {
  const report = await migrateStore(from, to, {
    ...options,
    tell(phase, done, total) {
      if (done % 500 !== 0 && done !== total) return;
      output.progress(`${PHASES[phase]}: ${done}${total === undefined ? "" : ` of ${total}`}`);
    },
  });
  const { records, kinds, files, fileBytes } = report;
  if (options.isJson) {
    printJson(output, { isDryRun: options.isDryRun, records, kinds: Object.fromEntries(kinds), files, fileBytes });
    return;
  }
  for (const [kind, figures] of kinds) {
    output.print(`${kind.padEnd(16)}${String(figures.records).padStart(10)}  ${figures.hash.slice(0, 16)}`);
  }
  const moved = `${countOf(records, "record")} and ${countOf(files, "adapter")} (${describeBytes(fileBytes)})`;
  output.print(options.isDryRun ? `Would move ${moved}; nothing was changed` : `Moved ${moved}; both stores are equal`);
}
