import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Config } from "#config/schema.ts";
import type { BaseModel } from "#inference/inference-engine.ts";
import { dataPaths } from "./data-paths.ts";

/** Written beside the data by the program that serves it, so that commands find it. */
const ServerFile = z.object({ url: z.url(), pid: z.int(), version: z.string(), model: z.string() });
export type ServerFile = z.infer<typeof ServerFile>;

const ANSWER_MAX_MS = 1000;

function serverFilePath(config: Config): string {
  return join(dataPaths(config.data).directory, "server.json");
}

/** Returns a function that removes the file again. */
export async function announceServer(
  config: Config,
  url: string,
  version: string,
  base: BaseModel,
): Promise<() => Promise<void>> {
  const path = serverFilePath(config);
  await mkdir(dataPaths(config.data).directory, { recursive: true });
  const file: ServerFile = { url, pid: process.pid, version, model: base.name };
  await writeFile(path, JSON.stringify(file));
  return () => rm(path, { force: true });
}

/** The server of this data folder, when it answers. */
export async function findServer(config: Config): Promise<{ url: string; version: string; model: string } | undefined> {
  const file = await readServerFile(config);
  if (file === undefined) return undefined;
  try {
    const response = await fetch(new URL("/healthz", file.url), { signal: AbortSignal.timeout(ANSWER_MAX_MS) });
    return response.ok ? { url: file.url, version: file.version, model: file.model } : undefined;
  } catch {
    return undefined; // it was killed: its file stayed behind
  }
}

async function readServerFile(config: Config): Promise<ServerFile | undefined> {
  try {
    return ServerFile.safeParse(JSON.parse(await readFile(serverFilePath(config), "utf8"))).data;
  } catch {
    return undefined;
  }
}
