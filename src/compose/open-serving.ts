import { completeOllamaUrl } from "#config/secrets.ts";
import type { Log } from "#core/log.ts";
import { type OpenEngine, openEngine, readFileDigest } from "./open-inference.ts";
import { type OllamaSettings, ollamaSettingsOf, openOllama } from "./open-ollama.ts";
import { adaptersOf, describeProvider, openAiSettingsOf, openOpenAi, type ServingConfig } from "./open-openai.ts";
import { startOwnOllama } from "./own-ollama.ts";

/**
 * What answers: servers that speak OpenAI's API, Ollama, or this process, as `inference.engine` says. Rejects with ConfigInvalidError,
 * ModelNotFoundError, InferenceUnavailableError.
 */
export async function openServingEngine(config: ServingConfig, log: Log): Promise<OpenEngine> {
  const openAi = openAiSettingsOf(config);
  if (openAi !== undefined) return openOpenAi(config, openAi, log);
  const ollama = ollamaSettingsOf(config);
  return ollama === undefined ? openEngine(config, log) : openWithOllama(config, ollama, log);
}

/** A server that was started for this engine ends with it. */
async function openWithOllama(config: ServingConfig, ollama: OllamaSettings, log: Log): Promise<OpenEngine> {
  const own = await startOwnOllama(
    config,
    ollama.hosts.map(({ url }) => completeOllamaUrl(url)),
    log,
  );
  try {
    const opened = await openOllama(config, ollama, log);
    const close = async () => {
      await opened.close();
      await own?.stop();
    };
    return { ...opened, close };
  } catch (error) {
    await own?.stop();
    throw error;
  }
}

/** The identity of the base that answers, without opening it. Rejects with ModelNotFoundError. */
export async function readServingDigest(config: ServingConfig, log: Log): Promise<string> {
  const settings = openAiSettingsOf(config);
  return settings?.preset.kind === "plain" ? describeProvider(config, settings).digest : readFileDigest(config, log);
}

/** Why an adapter that is trained could not answer anybody, in words; undefined when it could. */
export function describeNoAdapters(config: ServingConfig): { readonly why: string; readonly hint: string } | undefined {
  const settings = openAiSettingsOf(config);
  if (settings === undefined || adaptersOf(config, settings).adapters !== "never") return undefined;
  const why = `Chat is answered by ${settings.preset.title}, which takes no adapters`;
  const hint =
    settings.preset.kind === "vllm"
      ? "Set inference.adapterDirectory to a folder that vLLM can read"
      : "Set inference.engine to llama or ollama, or use a vLLM or llama-server of your own; feedback is kept until then";
  return { why, hint };
}
