import { table } from "table";
import type { Run } from "#core/learning.ts";
import { type Output, printJson } from "./output.ts";

/** `reactune runs list`: newest first. */
export function showRuns(runs: readonly Run[], options: { readonly isJson: boolean }, output: Output): void {
  if (options.isJson) {
    printJson(output, runs);
    return;
  }
  if (runs.length === 0) {
    output.print("No run yet: `reactune readiness` shows how far each domain is.");
    return;
  }
  const rows = runs.map(({ id, scope, state, grade, requestedAtMs, requestedBy, verdict }) => [
    id,
    scope.domain,
    state,
    grade ?? "",
    new Date(requestedAtMs).toISOString().slice(0, 16).replace("T", " "),
    requestedBy,
    verdict ?? "",
  ]);
  output.print(
    table([["run", "domain", "state", "grade", "asked (UTC)", "by", "verdict"], ...rows], {
      columns: { 6: { width: 50, wrapWord: true } },
    }).trimEnd(),
  );
}
