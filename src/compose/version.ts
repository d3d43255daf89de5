import { readFileSync } from "node:fs";
import { join } from "node:path";
import { programDirectory } from "#config/load.ts";

/** Of package.json: program, API and pages share one number. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(programDirectory, "package.json"), "utf8"));
  return String(version);
}
