import { readFileSync } from "node:fs";
import type { ConfigInputs } from "./load.ts";

/** What loadConfig() reads on this machine: flags still have to be added. */
export function readSystem(): Omit<ConfigInputs, "argvSettings"> {
  return { environment: process.env, workingDirectory: process.cwd(), readFile: readTextFile };
}

/** Undefined when the file is not there. Throws when it is there and cannot be read. */
function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
}
