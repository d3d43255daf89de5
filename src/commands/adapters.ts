import { table } from "table";
import { AdapterNotFoundError } from "#core/errors.ts";
import type { AdapterView } from "#trainer/activate-adapter.ts";
import { describeBytes, type Output, printJson } from "./output.ts";

/** `reactune adapters list`: newest first. */
export function showAdapters(
  adapters: readonly AdapterView[],
  options: { readonly isJson: boolean },
  output: Output,
): void {
  if (options.isJson) {
    printJson(output, adapters);
    return;
  }
  if (adapters.length === 0) {
    output.print("No adapter yet: `reactune readiness` shows how far each domain is.");
    return;
  }
  const rows = adapters.map(({ name, scope, grade, state, bytes, createdAtMs }) => [
    name,
    scope.domain,
    grade,
    state,
    describeBytes(bytes),
    new Date(createdAtMs).toISOString().slice(0, 16).replace("T", " "),
  ]);
  output.print(table([["adapter", "domain", "grade", "state", "size", "made (UTC)"], ...rows]).trimEnd());
  if (adapters.some(({ state }) => state === "dormant")) {
    output.print(
      "dormant: made for another base model; it serves again when that base comes back. Train to get one for this base.",
    );
  }
}

/** By full digest, its first characters, or its name. Throws AdapterNotFoundError when none or several fit. */
export function findAdapterByText(adapters: readonly AdapterView[], text: string): AdapterView {
  const found = adapters.filter(({ digest, name }) => name === text || (text.length >= 6 && digest.startsWith(text)));
  const [adapter] = found;
  if (adapter === undefined || found.length > 1) throw new AdapterNotFoundError(text);
  return adapter;
}
