import { CommandFailedError } from "./run-command.mjs";

/** Something that the operator can mend. `hint` says how and ends in a command where there is one. */
export class SetupProblem extends Error {
  constructor(message, hint, options) {
    super(message, options);
    this.name = "SetupProblem";
    this.hint = hint;
  }

  /** What the failed program printed last; empty when no program was involved. */
  get tail() {
    return this.cause instanceof CommandFailedError ? this.cause.tail : "";
  }
}

const causes = [
  {
    pattern: /ENOSPC|No space left on device|disk is full|not enough space/i,
    message: "the disk is full",
    hint: "Free at least 2 GB on this disk, then run the same command again; what was finished is kept",
  },
  {
    pattern: /EACCES|EPERM|EROFS|Permission denied|Read-only file system/i,
    message: "a file or folder may not be written",
    hint: "Give your user the right to write into this folder (an earlier start with sudo may own files in it)",
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|ECONNREFUSED|ERR_SOCKET|network|Temporary failure|Failed to establish|timed? ?out|ProxyError|SSLError|Max retries exceeded|No matching distribution|IncompleteRead|Connection broken/i,
    message: "a download did not succeed",
    hint:
      "Check the internet connection and the npm and pip settings (proxy, registry), then run the same command again; " +
      "what was downloaded is kept",
  },
  {
    pattern: /ENOENT/,
    message: "a program that it needs is not installed",
    hint: "Install Node.js with npm, and Python 3.11 or newer with venv; docs/supported-systems.md has the commands",
  },
];

/** What went wrong, in words for the operator: a SetupProblem as it is, a failed command by what it printed. */
export function explain(error) {
  if (error instanceof SetupProblem) return error;
  const text =
    error instanceof CommandFailedError ? `${error.output}\n${error.cause ?? ""}` : `${error?.code ?? ""} ${error}`;
  const known = causes.find(({ pattern }) => pattern.test(text));
  const last = error instanceof CommandFailedError ? lastWords(error) : String(error?.message ?? error);
  if (known === undefined)
    return new SetupProblem(last, "The lines above are what the failed program printed", { cause: error });
  return new SetupProblem(`${known.message} (${last})`, known.hint, { cause: error });
}

/** True for failures that a second attempt may mend. */
export function isDownloadFailure(error) {
  return (
    error instanceof CommandFailedError && causes[2].pattern.test(error.output) && !causes[0].pattern.test(error.output)
  );
}

function lastWords(error) {
  const lines = error.output
    .split("\n")
    .filter((line) => /error|fail|not |no /i.test(line) && !/complete log/.test(line));
  return (lines.at(-1) ?? error.message).trim().slice(0, 300);
}
