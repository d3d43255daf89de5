import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { showModel } from "./ollama-api.ts";

export interface FindModelFileOptions {
  /** A server on this machine; asked first. */
  readonly url?: string;
  /** Where Ollama may keep its models on this machine; read when the server does not help. */
  readonly modelsDirectories: readonly string[];
  readonly signal: AbortSignal;
}

const MODEL_LAYER = "application/vnd.ollama.image.model";
const Manifest = z.object({ layers: z.array(z.object({ mediaType: z.string(), digest: z.string() })) });

/**
 * The GGUF file of a model that Ollama pulled, so that another engine can open that one copy. Undefined when it is not on this
 * machine, or cannot be read from here.
 */
export async function findOllamaModelFile(name: string, options: FindModelFileOptions): Promise<string | undefined> {
  const paths = [await askServer(name, options), ...(await readManifests(name, options))];
  for (const path of paths) if (path !== undefined && (await isFile(path))) return path;
  return undefined;
}

/** Where Ollama keeps its models by default, by its own setting first. */
export function listModelsDirectories(home: string, setting: string | undefined): readonly string[] {
  const standard = [join(home, ".ollama", "models"), "/usr/share/ollama/.ollama/models"];
  return setting === undefined || setting === "" ? standard : [setting, ...standard];
}

async function askServer(name: string, { url, signal }: FindModelFileOptions): Promise<string | undefined> {
  if (url === undefined) return undefined;
  try {
    return (await showModel(url, name, signal))?.basePath;
  } catch {
    return undefined; // the manifest may tell
  }
}

async function readManifests(
  name: string,
  { modelsDirectories }: FindModelFileOptions,
): Promise<readonly (string | undefined)[]> {
  const parts = manifestParts(name);
  if (parts === undefined) return [];
  return Promise.all(
    modelsDirectories.map(async (directory) => {
      try {
        const text = await readFile(join(directory, "manifests", ...parts), "utf8");
        const layer = Manifest.parse(JSON.parse(text)).layers.find(({ mediaType }) => mediaType === MODEL_LAYER);
        const digest = layer?.digest.match(/^sha256:([0-9a-f]{64})$/)?.[1];
        return digest === undefined ? undefined : join(directory, "blobs", `sha256-${digest}`);
      } catch {
        return undefined;
      }
    }),
  );
}

/** "llama3.2" is registry.ollama.ai/library/llama3.2/latest. Undefined for what is no name of a model. */
export function manifestParts(name: string): readonly string[] | undefined {
  const [, path = "", tag = "latest"] = /^(.*?)(?::([\w.-]+))?$/.exec(name) ?? [];
  const parts = path.split("/");
  const isSafe = [...parts, tag].every((part) => /^[\w-][\w.-]*$/.test(part));
  if (!isSafe || parts.length > 3) return undefined;
  return [...["registry.ollama.ai", "library"].slice(0, 3 - parts.length), ...parts, tag];
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
