import { homedir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { readSystem } from "#config/system.ts";
import type { Log } from "#core/log.ts";
import type { StartedOllama } from "#inference/ollama/start-ollama.ts";
import { isLocal, type ModelConfig } from "./find-model.ts";

export interface OwnOllama {
  /** Ends the server and what runs its models. */
  stop(): Promise<void>;
}

/** Of the variables that this process has, what Ollama and its drivers read: no token of ours, no key. */
const PASSED_ON = /^(?:PATH|HOME|USER|LANG|TMPDIR|LD_LIBRARY_PATH|(?:OLLAMA|CUDA|NVIDIA|HIP|ROCR|HSA|GPU|XDG)_\w+)$/;
/** Pauses between the tries to start a server again that ended by itself; the last one is repeated. */
const RESTART_MS = [1000, 5000, 30_000];

/**
 * Starts `inference.ollamaProgram` at the first of `urls` that is on this machine, where nothing answers there yet, with the environment that
 * follows from the settings; it is started again when it ends by itself. Undefined: there is nothing to start. Rejects with InferenceUnavailableError.
 */
export async function startOwnOllama(
  { inference }: ModelConfig,
  urls: readonly string[],
  log: Log,
): Promise<OwnOllama | undefined> {
  const { ollamaProgram: program, ollamaGpuFreeBytes: gpuOverheadBytes } = inference;
  const url = urls.find(isLocal);
  if (program === undefined || url === undefined) return undefined;
  const [{ isOllamaUp, startOllama }, { listModelsDirectories }] = await Promise.all([
    import("#inference/ollama/start-ollama.ts"),
    import("#inference/ollama/find-model-file.ts"),
  ]);
  if (await isOllamaUp(url)) return undefined;
  const { environment } = readSystem();
  const [modelsDirectory = ""] = listModelsDirectories(homedir(), environment["OLLAMA_MODELS"]);
  const start = () =>
    startOllama({
      program,
      modelsDirectory,
      port: Number(new URL(url).port || "80"),
      parallelStreams: inference.parallelStreams,
      // Each adapter is a model of its own, beside the base.
      modelsLoadedMax: inference.adaptersLoadedMax + 1,
      ...(gpuOverheadBytes === undefined ? {} : { gpuOverheadBytes }),
      env: Object.fromEntries(Object.entries(environment).filter(([name]) => PASSED_ON.test(name))),
    });

  const stopping = new AbortController();
  let server = await start();
  log.info({ host: url, pid: server.pid }, "ollama.started");
  const keeping = keepRunning();

  async function keepRunning(): Promise<void> {
    for (;;) {
      await server.ended;
      const next = stopping.signal.aborted ? undefined : await startAgain();
      if (next === undefined) return;
      server = next;
      log.info({ host: url, pid: server.pid }, "ollama.started");
      if (stopping.signal.aborted) await server.stop();
    }
  }

  async function startAgain(): Promise<StartedOllama | undefined> {
    log.warn({ host: url }, "ollama.ended");
    for (let tries = 0; ; tries++) {
      const pauseMs = RESTART_MS[Math.min(tries, RESTART_MS.length - 1)];
      await sleep(pauseMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {});
      if (stopping.signal.aborted) return undefined;
      try {
        return await start();
      } catch (error) {
        log.warn({ host: url, err: error }, "ollama.not-started");
      }
    }
  }

  return {
    async stop() {
      stopping.abort();
      await server.stop();
      await keeping;
    },
  };
}
