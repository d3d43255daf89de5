import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { Ollama } from "ollama/browser";
import * as z from "zod";
import { HostOutageError } from "../host-pool.ts";

/** The server answered, and said no. Its words are about models and files, never about a prompt. */
export class OllamaRefusalError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const ErrorBody = z.object({ error: z.string() });
const Shown = z.object({
  modelfile: z.string(),
  template: z.string().default(""),
  model_info: z.looseObject({}),
  capabilities: z.array(z.string()).default([]),
});
const Models = z.object({ models: z.array(z.object({ name: z.string(), size: z.number().default(0) })) });

export interface ShownModel {
  /** SHA-256 of the GGUF file of the base. */
  readonly baseDigest: string | undefined;
  readonly basePath: string | undefined;
  readonly adapterDigests: readonly string[];
  readonly template: string;
  readonly info: Readonly<Record<string, unknown>>;
  readonly seesImages: boolean;
}

export interface HostedModel {
  readonly name: string;
  readonly bytes: number;
}

/**
 * A client whose calls end with the signal. The package knows no signal before a stream begins, and prints answers that it does
 * not understand: what is no success is turned into an error before it sees it. Its calls reject with HostOutageError when the
 * host cannot be reached, with OllamaRefusalError when it says no.
 */
export function openOllamaClient(url: string, signal: AbortSignal): Ollama {
  return new Ollama({ host: url, fetch: (input, init) => fetchFrom(input, signal, init) });
}

/** Undefined when the host has no such model. */
export async function showModel(
  url: string,
  name: string,
  signal: AbortSignal,
  isVerbose = false,
): Promise<ShownModel | undefined> {
  try {
    const request = { model: name, verbose: isVerbose };
    const shown = Shown.parse(await openOllamaClient(url, signal).show(request));
    const [head = ""] = shown.modelfile.split(/^TEMPLATE /m);
    const from = head.match(/^FROM (.*sha256[-:]([0-9a-f]{64}))\r?$/m);
    return {
      baseDigest: from?.[2],
      basePath: from?.[1],
      adapterDigests: [...head.matchAll(/^ADAPTER .*sha256[-:]([0-9a-f]{64})\r?$/gm)].flatMap(
        ([, digest]) => digest ?? [],
      ),
      template: shown.template,
      info: shown.model_info,
      seesImages: shown.capabilities.includes("vision"),
    };
  } catch (error) {
    if (error instanceof OllamaRefusalError && error.status === 404) return undefined;
    throw error;
  }
}

export async function listModels(url: string, signal: AbortSignal): Promise<readonly HostedModel[]> {
  return readModels(await openOllamaClient(url, signal).list());
}

/** Those in memory. */
export async function listRunning(url: string, signal: AbortSignal): Promise<readonly HostedModel[]> {
  return readModels(await openOllamaClient(url, signal).ps());
}

/** Answered at once whatever the host is at; a refusal is an answer too. Rejects with HostOutageError. */
export async function askIfThere(url: string, signal: AbortSignal): Promise<void> {
  try {
    await (await fetchFrom(`${url}/api/version`, signal)).text();
  } catch (error) {
    if (!(error instanceof OllamaRefusalError)) throw error;
  }
}

/** Uploads a file unless the host has it; the host hashes it too, and refuses another content. */
export async function uploadBlob(url: string, path: string, digest: string, signal: AbortSignal): Promise<void> {
  const address = `${url}/api/blobs/sha256:${digest}`;
  try {
    await fetchFrom(address, signal, { method: "HEAD" });
    return;
  } catch (error) {
    if (!(error instanceof OllamaRefusalError && error.status === 404)) throw error;
  }
  const { size } = await stat(path);
  const body = Readable.toWeb(createReadStream(path)) as ReadableStream;
  const headers = { "content-length": `${size}` };
  await fetchFrom(address, signal, { method: "POST", body, duplex: "half", headers });
}

function readModels(answer: unknown): readonly HostedModel[] {
  return Models.parse(answer).models.map(({ name, size }) => ({ name, bytes: size }));
}

async function fetchFrom(
  input: Parameters<typeof fetch>[0],
  signal: AbortSignal,
  init: RequestInit = {},
): Promise<Response> {
  const signals = init.signal === undefined || init.signal === null ? [signal] : [signal, init.signal];
  let response: Response;
  try {
    response = await fetch(input, { ...init, redirect: "error", signal: AbortSignal.any(signals) });
  } catch (cause) {
    throw outageOf(cause, signal);
  }
  if (response.ok) return response;
  const text = await response.text().catch(() => "");
  throw new OllamaRefusalError(response.status, readError(text) ?? `HTTP ${response.status}`);
}

/** A call that was given up is no outage, nor is a refusal, but for one that tells of a fault of the server. */
export function outageOf(cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof OllamaRefusalError && cause.status < 500) return cause;
  return cause instanceof HostOutageError ? cause : new HostOutageError("Cannot reach the Ollama host", { cause });
}

function readError(text: string): string | undefined {
  try {
    return ErrorBody.parse(JSON.parse(text)).error;
  } catch {
    return undefined;
  }
}
