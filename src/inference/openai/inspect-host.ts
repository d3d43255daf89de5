import * as z from "zod";
import { HostOutageError } from "../host-pool.ts";
import { listModels } from "./adapters-on-host.ts";
import { type ApiOptions, ApiRefusalError, callApi } from "./openai-api.ts";
import { completeApiUrl, type ServerKind } from "./presets.ts";

export interface HostQuestion extends ApiOptions {
  readonly kind: ServerKind;
  /** What it should call the model; unset: the first that it lists. */
  readonly model?: string;
  /** A text and its tokens in the vocabulary that prompts are counted with. */
  readonly sample?: { readonly text: string; readonly tokens: readonly number[] };
}

/** What a server says of itself; each part as far as it could be asked. */
export interface HostAnswer {
  /** Unset: it let itself be asked. */
  readonly failure?: "unreachable" | "key-refused" | "no-api";
  readonly models: readonly string[];
  /** vLLM: whether adapters can be loaded while it runs; llama-server: whether it knows adapters. */
  readonly takesAdapters: boolean;
  /** llama-server: how many it was started with. */
  readonly adapters: number;
  /** Unset: it was not asked, or does not tell. */
  readonly hasSameVocabulary?: boolean;
}

const ASK_TIMEOUT_MS = 5000;
const NOTHING = { models: [], takesAdapters: false, adapters: 0 };

/** Asks a server what it is, without a word of anybody. Never rejects: what fails is part of the answer. */
export async function inspectHost(question: HostQuestion): Promise<HostAnswer> {
  const api = { ...question, url: completeApiUrl(question.url) };
  let models: readonly string[];
  try {
    models = await listModels(api, AbortSignal.timeout(ASK_TIMEOUT_MS));
  } catch (error) {
    return { ...NOTHING, failure: failureOf(error) };
  }
  const adapters = await askAdapters(api);
  const hasSame = await compareVocabulary(api, question.model ?? models[0]);
  return { models, ...adapters, ...(hasSame === undefined ? {} : { hasSameVocabulary: hasSame }) };
}

function failureOf(error: unknown): NonNullable<HostAnswer["failure"]> {
  if (error instanceof ApiRefusalError) return [401, 403].includes(error.status) ? "key-refused" : "no-api";
  return error instanceof HostOutageError || isTimeout(error) ? "unreachable" : "no-api";
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

const LoraList = z.array(z.object({ id: z.int() }));

async function askAdapters(api: HostQuestion): Promise<Pick<HostAnswer, "takesAdapters" | "adapters">> {
  const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
  try {
    if (api.kind === "llama-server") {
      const list = LoraList.parse(await (await callApi(rootOf(api), "/lora-adapters", undefined, signal)).json());
      return { takesAdapters: true, adapters: list.length };
    }
    // An empty order is refused where the path is there, and not found where adapters cannot be loaded.
    if (api.kind === "vllm") await callApi(api, "/load_lora_adapter", {}, signal);
  } catch (error) {
    const isThere = error instanceof ApiRefusalError && ![404, 405].includes(error.status);
    return { takesAdapters: api.kind === "vllm" && isThere, adapters: 0 };
  }
  return { takesAdapters: false, adapters: 0 };
}

const Tokens = z.object({ tokens: z.array(z.int()) });

/** The very tokens of a text, as the server makes them: another model's differ. Undefined where it cannot be asked. */
async function compareVocabulary(api: HostQuestion, model: string | undefined): Promise<boolean | undefined> {
  const { kind, sample } = api;
  if (sample === undefined || kind === "plain") return undefined;
  const { text } = sample;
  const body =
    kind === "vllm"
      ? { model, prompt: text, add_special_tokens: false }
      : { content: text, add_special: false, parse_special: true };
  try {
    const response = await callApi(rootOf(api), "/tokenize", body, AbortSignal.timeout(ASK_TIMEOUT_MS));
    const { tokens } = Tokens.parse(await response.json());
    return tokens.length === sample.tokens.length && tokens.every((token, index) => token === sample.tokens[index]);
  } catch {
    return undefined;
  }
}

/** What is not OpenAI's own stands beside the API, not below it. */
function rootOf(api: HostQuestion): HostQuestion {
  return { ...api, url: api.url.replace(/\/v1$/, "") };
}
