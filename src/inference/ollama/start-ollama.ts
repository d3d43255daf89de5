import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { InferenceUnavailableError } from "#core/errors.ts";

export interface StartOllamaOptions {
  /** The program: a path, or a name that PATH knows. */
  readonly program: string;
  readonly modelsDirectory: string;
  /** Undefined: any free one. */
  readonly port?: number;
  /** Replies that one model writes at the same time; each has a context of its own. */
  readonly parallelStreams: number;
  readonly modelsLoadedMax: number;
  /** Memory kept free on each GPU, in bytes. */
  readonly gpuOverheadBytes?: number;
  readonly isVerbose?: boolean;
  /** Passed on, so that a PATH and a HOME are known. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onOutput?: (text: string) => void;
}

export interface StartedOllama {
  readonly url: string;
  readonly pid: number;
  /** Resolves when it has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Ends it and the processes that run its models. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;
const LOOK_MS = 50;
const ASK_TIMEOUT_MS = 1000;

/** Starts an Ollama server of our own, with the settings that only its environment takes. Rejects with InferenceUnavailableError. */
export async function startOllama(options: StartOllamaOptions): Promise<StartedOllama> {
  const port = options.port ?? (await findFreePort());
  const url = `http://127.0.0.1:${port}`;
  // A group of its own: after a kill its children, which hold the models, would live on.
  const child = spawn(options.program, ["serve"], {
    detached: true,
    stdio: ["ignore", "ignore", options.onOutput === undefined ? "ignore" : "pipe"],
    env: ollamaEnvironment(options, port),
  });
  child.stderr?.setEncoding("utf8").on("data", options.onOutput ?? (() => undefined));
  const failure = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`It ended with exit code ${code}`)));
  });
  try {
    await Promise.race([waitUntilUp(url), failure]);
  } catch (cause) {
    await stop(child, "SIGKILL");
    throw new InferenceUnavailableError(options.program, { cause });
  }
  const ended = failure.then(
    () => {},
    () => {},
  );
  return { url, pid: child.pid ?? 0, ended, stop: (signal = "SIGTERM") => stop(child, signal) };
}

/** What such a server is started with; `reactune doctor` shows it to operators who start their own. */
export function ollamaEnvironment(
  options: Omit<StartOllamaOptions, "program" | "onOutput" | "port">,
  port: number,
): Record<string, string> {
  const known = Object.entries(options.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    ...Object.fromEntries(known),
    OLLAMA_HOST: `127.0.0.1:${port}`,
    OLLAMA_MODELS: options.modelsDirectory,
    OLLAMA_NUM_PARALLEL: `${options.parallelStreams}`,
    OLLAMA_MAX_LOADED_MODELS: `${options.modelsLoadedMax}`,
    ...(options.gpuOverheadBytes === undefined ? {} : { OLLAMA_GPU_OVERHEAD: `${options.gpuOverheadBytes}` }),
    ...(options.isVerbose === true ? { OLLAMA_DEBUG: "1" } : {}),
  };
}

async function waitUntilUp(url: string): Promise<void> {
  const untilMs = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < untilMs) {
    if (await isOllamaUp(url)) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  throw new Error(`It did not answer within ${START_TIMEOUT_MS} ms`);
}

/** Whether an Ollama answers there. */
export async function isOllamaUp(url: string): Promise<boolean> {
  return fetch(`${url}/api/version`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function stop(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  process.kill(-child.pid, signal);
  await ended;
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new TypeError("A TCP server has a port");
  return address.port;
}
