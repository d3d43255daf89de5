import { chmod, open, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { OperatingError } from "#core/errors.ts";
import type { SetupValues, SetupVariable } from "./setup-fields.ts";
import { SETUP_VARIABLES } from "./setup-fields.ts";

/** Owner alone reads and writes: it holds credentials. */
const MODE = 0o600;

interface Refusal {
  readonly path: string;
  readonly why: string;
  readonly hint: string;
}

export class EnvFileRefusedError extends OperatingError {
  readonly code = "ENV_FILE_REFUSED";
  readonly hint: string;

  constructor({ path, why, hint }: Refusal, options?: ErrorOptions) {
    super(`Cannot write "${path}": ${why}`, options);
    this.hint = hint;
  }
}

export interface SavedEnvFile {
  readonly path: string;
  /** Empty: nothing differed, the file was not written. */
  readonly changed: readonly SetupVariable[];
  /** The file as it was before. */
  readonly backupPath?: string;
}

/** What a `.env` file gives; empty when there is none. Rejects with EnvFileRefusedError when it cannot be read. */
export async function readEnvFile(path: string): Promise<Readonly<Record<string, string | undefined>>> {
  const text = await readText(path);
  return text === undefined ? {} : parseEnv(text);
}

/**
 * Puts values into a `.env` file. Every other line stays as it is, comments too. The file is replaced as a whole, so that a
 * kill leaves the old one or the new one. Rejects with EnvFileRefusedError when the result would not say what was asked for.
 */
export async function saveEnvFile(path: string, values: SetupValues, nowMs: number): Promise<SavedEnvFile> {
  const target = await realpath(path).catch(() => path); // a link stays a link
  const before = await readText(target);
  const known = parseEnv(before ?? "");
  const changed = SETUP_VARIABLES.filter((name) => values[name] !== undefined && values[name] !== known[name]);
  if (changed.length === 0) {
    if (before !== undefined) await chmod(target, MODE);
    return { path, changed };
  }
  const text = applyValues(before ?? HEADER, values, changed);
  refuseSurprises(path, known, parseEnv(text), values);
  const backupPath = before === undefined ? undefined : `${target}.backup-${stampOf(nowMs)}`;
  if (backupPath !== undefined) await writeFile(backupPath, before ?? "", { mode: MODE });
  await replaceFile(path, target, text);
  return { path, changed, ...(backupPath === undefined ? {} : { backupPath }) };
}

const HEADER = "# Secrets of Reactune, written by `reactune setup`. Nobody else should be able to read this file.\n";

function applyValues(text: string, values: SetupValues, changed: readonly SetupVariable[]): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  const added: string[] = [];
  for (const name of changed) {
    const line = `${name}=${values[name] ?? ""}`;
    // The last one wins when the file is read.
    const at = lines.findLastIndex((item) => new RegExp(`^\\s*(export\\s+)?${name}\\s*=`).test(item));
    if (at < 0) added.push(line);
    else lines[at] = line;
  }
  if (added.length === 0) return lines.join(end);
  while (lines.at(-1) === "") lines.pop();
  return [...lines, ...added, ""].join(end);
}

/** A line can hide inside a quoted value of several lines: what is read back tells. */
function refuseSurprises(
  path: string,
  before: Readonly<Record<string, string | undefined>>,
  after: Readonly<Record<string, string | undefined>>,
  values: SetupValues,
): void {
  const expected = new Map([...Object.entries(before), ...Object.entries(values)]);
  const differs = [...expected].find(([name, value]) => value !== undefined && after[name] !== value);
  if (differs === undefined && Object.keys(after).length === expected.size) return;
  throw new EnvFileRefusedError({
    path,
    why: `the line of ${differs?.[0] ?? "a variable"} cannot be told from others`,
    hint: "Edit the file by hand: a quoted value over several lines is the usual reason; nothing was changed",
  });
}

async function replaceFile(path: string, target: string, text: string): Promise<void> {
  const draft = `${target}.new-${process.pid}`;
  try {
    const file = await open(draft, "wx", MODE);
    try {
      await file.chmod(MODE); // the umask may have taken more away, never less
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, target);
  } catch (cause) {
    await rm(draft, { force: true });
    const why = "its folder does not let it";
    throw new EnvFileRefusedError({ path, why, hint: "Check who owns the folder and its free space" }, { cause });
  }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new EnvFileRefusedError({ path, why: "it cannot be read", hint: "Check who owns the file" }, { cause });
  }
}

/** "20261121-142501", in UTC. */
function stampOf(nowMs: number): string {
  const [day = "", time = ""] = new Date(nowMs).toISOString().split("T");
  return `${day.replaceAll("-", "")}-${time.slice(0, 8).replaceAll(":", "")}`;
}
