import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { resolveModelFile } from "node-llama-cpp";
import { ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export interface ResolveModelOptions {
  /** Where set-up puts what it downloads: `<assetsDirectory>/models/` holds the models. */
  readonly assetsDirectory: string;
  /** The small committed model that stands in while the default one is not installed. */
  readonly standInPath?: string;
  readonly log: Log;
  readonly progress?: (downloadedBytes: number, totalBytes: number) => void;
  readonly signal?: AbortSignal;
}

export interface ResolvedModel {
  readonly path: string;
  readonly name: string;
  readonly isStandIn: boolean;
}

const DEFAULT_FILE = "smollm2-135m-instruct-q4_1.gguf";
const STAND_IN_FILE = "reactune-tiny-f16.gguf";

/**
 * Finds the file of a base model: "default", the path of a GGUF file, or an "hf:" address, which is downloaded once.
 * Rejects with ModelNotFoundError.
 */
export async function resolveModel(spec: string, options: ResolveModelOptions): Promise<ResolvedModel> {
  if (spec === "default") return resolveDefault(options);
  if (spec.startsWith("hf:")) return download(spec, options);
  const path = resolve(spec);
  await checkGgufFile(path);
  return { path, name: nameOf(path), isStandIn: false };
}

/** Rejects with ModelNotFoundError unless the file begins like a GGUF file. */
export async function checkGgufFile(path: string): Promise<void> {
  try {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
      if (bytesRead !== 4 || buffer.toString("latin1") !== "GGUF") throw new Error("its first bytes are not GGUF");
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new ModelNotFoundError(path, { cause });
  }
}

async function resolveDefault({ assetsDirectory, standInPath, log }: ResolveModelOptions): Promise<ResolvedModel> {
  const path = join(assetsDirectory, "models", DEFAULT_FILE);
  try {
    await checkGgufFile(path);
    return { path, name: "SmolLM2-135M-Instruct", isStandIn: false };
  } catch (error) {
    if (!(error instanceof ModelNotFoundError)) throw error;
  }
  const tinyPath = standInPath ?? resolve(assetsDirectory, "..", "assets", "tiny", STAND_IN_FILE);
  await checkGgufFile(tinyPath);
  log.warn({ missing: path, standIn: tinyPath }, "model.stand-in-chosen");
  return { path: tinyPath, name: "reactune-tiny", isStandIn: true };
}

async function download(spec: string, options: ResolveModelOptions): Promise<ResolvedModel> {
  const { progress, signal } = options;
  try {
    const path = await resolveModelFile(spec, {
      directory: join(options.assetsDirectory, "models"),
      cli: false,
      ...(progress === undefined
        ? {}
        : { onProgress: ({ downloadedSize, totalSize }) => progress(downloadedSize, totalSize) }),
      ...(signal === undefined ? {} : { signal }),
    });
    return { path, name: nameOf(path), isStandIn: false };
  } catch (cause) {
    signal?.throwIfAborted();
    throw new ModelNotFoundError(spec, { cause });
  }
}

function nameOf(path: string): string {
  return basename(path).replace(/\.gguf$/i, "");
}
