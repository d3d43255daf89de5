import { homedir } from "node:os";
import { join } from "node:path";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { readSystem } from "#config/system.ts";
import { ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export const assetsDirectory = join(programDirectory, ".assets");

export type ModelConfig = Pick<Config, "inference" | "servers"> & {
  /** What most prompts begin with. */
  readonly assistant?: Pick<Config["assistant"], "systemPrompt">;
};

export interface FoundModel {
  readonly path: string;
  readonly name: string;
  readonly isStandIn: boolean;
}

const PULLED = "ollama:";
const ASK_TIMEOUT_MS = 5000;

/** The name under which the operator pulled the model with Ollama; undefined for a file. */
export function pulledNameOf(model: string): string | undefined {
  return model.startsWith(PULLED) ? model.slice(PULLED.length) : undefined;
}

/** The file of `inference.model` on this machine. Rejects with ModelNotFoundError. */
export async function findModel({ inference, servers }: ModelConfig, log: Log): Promise<FoundModel> {
  const pulledName = pulledNameOf(inference.model);
  if (pulledName !== undefined) return findPulled(pulledName, servers.ollamaUrl);
  const { resolveModel } = await import("#inference/llama/resolve-model.ts");
  const standInPath = join(programDirectory, "assets", "tiny", "reactune-tiny-f16.gguf");
  return resolveModel(inference.model, { assetsDirectory, standInPath, log });
}

export function isLocal(url: string): boolean {
  return /^https?:\/\/(127\.|localhost\b|\[::1\])/.test(url);
}

/** An Ollama on this machine tells where the file is; without one its usual folders are looked through. */
async function findPulled(name: string, ollamaUrl: string | undefined): Promise<FoundModel> {
  const { findOllamaModelFile, listModelsDirectories } = await import("#inference/ollama/find-model-file.ts");
  const modelsDirectories = listModelsDirectories(homedir(), readSystem().environment["OLLAMA_MODELS"]);
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
  const path = await findOllamaModelFile(name, {
    ...(ollamaUrl !== undefined && isLocal(ollamaUrl) ? { url: ollamaUrl } : {}),
    modelsDirectories,
    signal,
  });
  if (path === undefined) throw new ModelNotFoundError(`${PULLED}${name}`);
  return { path, name, isStandIn: false };
}
