import { createHash } from "node:crypto";
import type { Config } from "#config/schema.ts";
import { variableFor } from "#config/variables.ts";
import { ConfigInvalidError, ModelNotFoundError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { BaseModel } from "#inference/inference-engine.ts";
import { type Preset, presets } from "#inference/openai/presets.ts";
import { findModel, type ModelConfig } from "./find-model.ts";
import type { OpenEngine } from "./open-inference.ts";
import { limitsOf, readHost } from "./open-ollama.ts";

/** With the keys of the servers that answer. */
export type ServingConfig = ModelConfig & Pick<Config, "credentials">;

export interface OpenAiSettings {
  readonly preset: Preset;
  readonly hosts: readonly OpenAiHost[];
  /** What the servers call the model. Unset: the first that they list. */
  readonly model?: string;
  /** Where the key is set: ".env" variables by name. */
  readonly keyVariable: string;
}

export interface OpenAiHost {
  readonly url: string;
  readonly region?: string;
  readonly kind: Preset["kind"];
  readonly key?: string;
}

type KeyName = "openaiKey" | "groqKey" | "togetherKey" | "inferenceKey";

const keyNames = {
  vllm: "inferenceKey",
  "llama-server": "inferenceKey",
  openai: "openaiKey",
  groq: "groqKey",
  together: "togetherKey",
  custom: "inferenceKey",
} as const satisfies Readonly<Record<Config["inference"]["preset"], KeyName>>;

/** Undefined: something else answers. Throws ConfigInvalidError with what is missing. */
export function openAiSettingsOf({ inference, credentials }: ServingConfig): OpenAiSettings | undefined {
  if (inference.engine !== "openai") return undefined;
  const preset: Preset = presets[inference.preset];
  const key = credentials[keyNames[inference.preset]];
  const keyVariable = variableFor(`credentials.${keyNames[inference.preset]}`) ?? "";
  const named = inference.hosts.map(readHost);
  const urls = named.length > 0 || preset.url === undefined ? named : [{ url: preset.url }];
  const problems = [
    ...(urls.length > 0
      ? []
      : [`inference.preset is "${inference.preset}" and no server is named: set inference.hosts to its address`]),
    ...urls
      .filter(({ url }) => !/^https?:\/\/[^/\s]+/.test(url))
      .map(({ url }) => `inference.hosts: "${url}" is no address: write for example http://gpu1:8000/v1`),
    ...(preset.kind === "plain" && inference.hostModel === undefined
      ? [`inference.preset is "${inference.preset}" and no model is named: set inference.hostModel`]
      : []),
    ...(named.length === 0 && preset.url !== undefined && key === undefined
      ? [`inference.preset is "${inference.preset}" and there is no key: set ${keyVariable} in .env`]
      : []),
  ];
  if (problems.length > 0) throw new ConfigInvalidError(problems);
  return {
    preset,
    hosts: urls.map((host) => ({ ...host, kind: preset.kind, ...(key === undefined ? {} : { key }) })),
    keyVariable,
    ...(inference.hostModel === undefined ? {} : { model: inference.hostModel }),
  };
}

/**
 * vLLM and llama-server serve the model that `inference.model` names: its file on this machine writes the prompts. Of any other server
 * nothing is known but its answers. Rejects with ConfigInvalidError, ModelNotFoundError, InferenceUnavailableError.
 */
export async function openOpenAi(config: ServingConfig, settings: OpenAiSettings, log: Log): Promise<OpenEngine> {
  return settings.preset.kind === "plain" ? openProvider(config, settings, log) : openOwnServer(config, settings, log);
}

/** Who answers where no file of weights is at hand. The name of the model and where it is stand for its weights. */
export function describeProvider(
  { inference }: ServingConfig,
  { preset, hosts, model = "" }: OpenAiSettings,
): BaseModel {
  const [host] = hosts;
  return {
    name: `${model} at ${preset.title}`,
    digest: createHash("sha256").update(`${host?.url}\n${model}`).digest("hex"),
    architecture: "unknown",
    parameters: 0,
    contextTokens: inference.contextTokens,
    isStandIn: false,
    ...(inference.hostModelSeesImages ? { seesImages: true as const } : {}),
    adapters: "never",
  };
}

async function openProvider(config: ServingConfig, settings: OpenAiSettings, log: Log): Promise<OpenEngine> {
  const [{ OpenAiEngine }, { estimatedEncoder }] = await Promise.all([
    import("#inference/openai/openai-engine.ts"),
    import("#inference/openai/estimated-encoder.ts"),
  ]);
  const base = describeProvider(config, settings);
  const engine = new OpenAiEngine({ ...engineOptions(config, settings, log), base, model: settings.model ?? "" });
  return { engine, encoder: estimatedEncoder(base.contextTokens), base, close: () => engine.close() };
}

async function openOwnServer(config: ServingConfig, settings: OpenAiSettings, log: Log): Promise<OpenEngine> {
  const [{ OpenAiEngine }, { openModelPrompts }, { findServedModel }, { writePeftFolder }, { peftFolders }] =
    await Promise.all([
      import("#inference/openai/openai-engine.ts"),
      import("#inference/llama/model-prompts.ts"),
      import("#inference/openai/served-model.ts"),
      import("#inference/llama/write-peft.ts"),
      import("#inference/llama/peft-folders.ts"),
    ]);
  const { path: modelPath, name: modelName, isStandIn } = await findModel(config, log);
  // The little model that stands in for the real one is served by nobody.
  if (isStandIn) throw new ModelNotFoundError(config.inference.model);
  const { contextTokens, adapterDirectory } = config.inference;
  const prompts = await openModelPrompts({ modelPath, modelName, isStandIn, contextTokens, log });
  try {
    const base: BaseModel = {
      ...prompts.base,
      name: `${prompts.base.name} at ${settings.preset.title}`,
      ...adaptersOf(config, settings),
    };
    const model = settings.model ?? (await findServedModel(settings.hosts));
    const engine = new OpenAiEngine({
      ...engineOptions(config, settings, log),
      base,
      model,
      prompts,
      ...(adapterDirectory === undefined
        ? {}
        : { adapterPathOnHost: (adapter) => writePeftFolder(adapter, modelPath, adapterDirectory) }),
    });
    const isCopied = adapterDirectory !== undefined && settings.preset.kind === "vllm";
    const adapterHost = isCopied ? peftFolders(adapterDirectory, (digest) => engine.purge(digest)) : undefined;
    const close = async () => {
      await engine.close();
      await prompts.close();
    };
    return { engine, encoder: prompts, base, ...(adapterHost === undefined ? {} : { adapterHost }), close };
  } catch (error) {
    await prompts.close();
    throw error;
  }
}

/** When the servers take adapters; nothing: whenever one is asked for. */
export function adaptersOf(
  { inference }: Pick<Config, "inference">,
  { preset }: Pick<OpenAiSettings, "preset">,
): Pick<BaseModel, "adapters"> {
  if (preset.kind === "plain") return { adapters: "never" };
  if (preset.kind === "llama-server") return { adapters: "at-start" };
  return inference.adapterDirectory === undefined ? { adapters: "never" } : {};
}

function engineOptions({ inference }: ServingConfig, { hosts }: OpenAiSettings, log: Log) {
  const { region, firstTokenMaxMs, nextTokenMaxMs, hostRetryMs } = inference;
  return {
    ...limitsOf(inference),
    hosts,
    ...(region === undefined ? {} : { region }),
    firstTokenMaxMs,
    nextTokenMaxMs,
    hostRetryMs,
    now: Date.now,
    log,
  };
}
