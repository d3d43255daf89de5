import type { EngineInspection } from "#commands/doctor-engine.ts";
import type { ServerInspection } from "#commands/doctor-servers.ts";
import { describeError } from "#core/errors.ts";
import type { HostAnswer, HostQuestion } from "#inference/openai/inspect-host.ts";
import { findModel, isLocal } from "./find-model.ts";
import { embeddingSettingsOf, openServerEmbedder } from "./open-embedding.ts";
import { adaptersOf, type OpenAiSettings, openAiSettingsOf, type ServingConfig } from "./open-openai.ts";

type Problem = ServerInspection["problems"][number];

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** What the OpenAI-compatible servers say that `inference` names; none where it names none. Rejects with ConfigInvalidError. */
export async function inspectEngine(config: ServingConfig): Promise<readonly EngineInspection[]> {
  const settings = openAiSettingsOf(config);
  const hosts =
    settings === undefined
      ? []
      : await readSample(config, settings).then((sample) =>
          Promise.all(settings.hosts.map((host) => inspectOne(config, settings, { ...host, ...sample }))),
        );
  return [...hosts, ...(await inspectEmbedding(config))];
}

async function inspectOne(
  config: ServingConfig,
  settings: OpenAiSettings,
  host: HostQuestion,
): Promise<EngineInspection> {
  const { inspectHost } = await import("#inference/openai/inspect-host.ts");
  const { model } = settings;
  const answer = await inspectHost({ ...host, ...(model === undefined ? {} : { model }) });
  const where = URL.canParse(host.url) ? new URL(host.url).host : host.url;
  const use = describeAdapters(config, settings, answer);
  const served = model ?? answer.models[0] ?? "no model";
  const problems = problemsOf(settings, host, answer);
  const found = problems.length === 0 ? `${where} answers with ${served}; ${use}` : `${where} `;
  return { name: settings.preset.title, found, problems };
}

function problemsOf({ model, keyVariable, preset }: OpenAiSettings, host: HostQuestion, answer: HostAnswer) {
  const { failure, models } = answer;
  if (failure === "unreachable")
    return [{ found: "does not answer", fix: "Start it, or mend inference.hosts; it is asked again while chat runs" }];
  if (failure === "key-refused")
    return [
      {
        found: `refuses ${host.key === undefined ? "to answer without a" : "the"} key`,
        fix: `Set ${keyVariable} in .env`,
      },
    ];
  if (failure === "no-api")
    return [
      { found: "has no list of models", fix: "Give the address of the API in inference.hosts: it often ends in /v1" },
    ];
  const problems: Problem[] = [];
  if (host.key !== undefined && host.url.startsWith("http:") && !isLocal(host.url))
    problems.push({ found: "gets the key over a line that anybody can read", fix: "Give an https address" });
  // Ollama lists "name:latest" and is asked for "name".
  const isListed =
    model === undefined ? models.length > 0 : models.some((id) => [model, `${model}:latest`].includes(id));
  if (!isListed) {
    const listed = models.length === 0 ? "no model" : models.slice(0, 5).join(", ");
    problems.push({
      found: `does not serve "${model ?? ""}"; it lists ${listed}`,
      fix: "Set inference.hostModel to one of them",
    });
  }
  if (answer.hasSameVocabulary === false)
    problems.push({
      found: "serves another model than inference.model names: its tokens differ",
      fix: "Let both name the same model, or set inference.preset to custom",
    });
  if (preset.kind === "vllm" && !answer.takesAdapters)
    problems.push({
      found: "takes no adapters while it runs",
      fix: "Start it with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True",
    });
  return problems;
}

/** What becomes of what is learned. */
function describeAdapters(config: ServingConfig, settings: OpenAiSettings, { adapters }: HostAnswer): string {
  const taken = adaptersOf(config, settings).adapters;
  if (taken === undefined) return "takes adapters while it runs";
  if (taken === "at-start") return `was started with ${adapters} adapters; a new one needs a start with --lora`;
  return "takes no adapters: `reactune train --force` proves them in the embedded engine, chat stays with the base";
}

/** A text that only the same vocabulary cuts into the same tokens; nothing where the file is not here. */
async function readSample(config: ServingConfig, { preset }: OpenAiSettings): Promise<Pick<HostQuestion, "sample">> {
  if (preset.kind === "plain") return {};
  try {
    const { openModelPrompts } = await import("#inference/llama/model-prompts.ts");
    const { path: modelPath, name: modelName, isStandIn } = await findModel(config, silent);
    const { contextTokens } = config.inference;
    const prompts = await openModelPrompts({ modelPath, modelName, isStandIn, contextTokens, log: silent });
    try {
      const messages = [{ role: "user" as const, content: "Where is my order 4711? Onde está a encomenda?" }];
      return { sample: { text: prompts.renderPrompt(messages), tokens: prompts.encodePrompt(messages) } };
    } finally {
      await prompts.close();
    }
  } catch {
    return {}; // the finding on the model says it
  }
}

async function inspectEmbedding(config: ServingConfig): Promise<readonly EngineInspection[]> {
  const settings = embeddingSettingsOf(config);
  if (settings === undefined) return [];
  const name = "Embedding server";
  try {
    const { dimensions } = (await openServerEmbedder(settings)).describe();
    return [{ name, found: `${settings.model}, ${dimensions} dimensions`, problems: [] }];
  } catch (error) {
    const fix = "Mend inference.embeddingHost, inference.embeddingModel or the key; the installed model stands in";
    return [{ name, found: `${settings.model}: `, problems: [{ found: describeError(error), fix }] }];
  }
}
