import { join } from "node:path";
import type { BenchRow } from "#commands/bench-figures.ts";
import { type BenchSwitchOptions, benchSwitch, type SwitchFigures } from "#commands/bench-switch.ts";
import { readSystem } from "#config/system.ts";
import type { AdapterFile } from "#inference/inference-engine.ts";
import { TINY_SHAPE, writeBenchAdapter } from "./bench-adapter-file.ts";
import type { BenchWorld } from "./bench-parts.ts";
import { openEngine, threadsOf } from "./open-inference.ts";
import { limitsOf } from "./open-ollama.ts";
import { readTreeBytes } from "./process-memory.ts";

const DOMAINS = 4;
const SMOLLM2_SHAPE = { layers: 30, width: 576, valueWidth: 192 };
/** Below it a clock in milliseconds sees nothing. */
const SWITCH_MS_MIN = 1;
const MEBIBYTE = 2 ** 20;
/** A conversation that a person comes back to: about 500 tokens with the question, which both sides have answered before. */
const TURNS_BEFORE = 5;

/**
 * Four domains in turns: as models of an Ollama server, and with `inference.adapters: shared`, where the embedded engine opens the
 * file that this server holds. Same file, same threads, one after the other.
 */
export async function switchRows(
  { directory, config, log }: BenchWorld,
  program: string,
  rounds: number,
  signal: AbortSignal,
): Promise<readonly BenchRow[]> {
  const { startOllama } = await import("#inference/ollama/start-ollama.ts");
  const { openOllamaEngine } = await import("#inference/ollama/ollama-engine.ts");
  const { findOllamaModelFile } = await import("#inference/ollama/find-model-file.ts");
  const { baseModelName } = await import("#inference/ollama/model-names.ts");
  const { openModelPrompts } = await import("#inference/llama/model-prompts.ts");
  // A context is as large as the streams that it can hold, on both sides.
  const inference = { ...config.inference, parallelStreams: 1, adaptersLoadedMax: DOMAINS };
  const embedded = await openEngine({ ...config, inference }, log);
  const base = embedded.base;
  await embedded.close();
  const shape = base.isStandIn ? TINY_SHAPE : SMOLLM2_SHAPE;
  const adapters = await Promise.all(
    Array.from({ length: DOMAINS }, (_, seed) => writeAdapter(directory, shape, seed)),
  );
  const modelsDirectory = join(directory, "ollama");
  const ollama = await startOllama({
    program,
    modelsDirectory,
    parallelStreams: 1,
    modelsLoadedMax: DOMAINS + 1,
    env: { ...readSystem().environment, HOME: directory },
  });
  try {
    const contextTokens = Math.min(inference.contextTokens, base.contextTokens);
    const prompts = await openModelPrompts({
      modelPath: base.path ?? "",
      modelName: base.name,
      ...base,
      contextTokens,
      log,
    });
    const engine = await openOllamaEngine({
      ...limitsOf(inference),
      hosts: [{ url: ollama.url }],
      base,
      prompts,
      threads: threadsOf(inference.threads),
      keepAliveMs: 3_600_000,
      firstTokenMaxMs: 120_000,
      nextTokenMaxMs: 60_000,
      hostRetryMs: 1000,
      now: () => performance.now(),
      log,
    });
    for (const adapter of adapters) await engine.prepare({ adapter });
    const questions = { adapters, rounds, systemPrompt: config.assistant.systemPrompt, signal };
    const models = await ask({ ...questions, engine });
    const modelsBytes = await readTreeBytes(ollama.pid);
    const path = await findOllamaModelFile(baseModelName(base.digest), {
      url: ollama.url,
      modelsDirectories: [],
      signal,
    });
    await Promise.all([engine.close(), prompts.close()]);
    await ollama.stop();

    const bytesBefore = await readTreeBytes(process.pid);
    const shared = await openEngine({ ...config, inference: { ...inference, model: path ?? "" } }, log);
    for (const adapter of adapters) await shared.engine.prepare({ adapter });
    const one = await ask({ ...questions, engine: shared.engine });
    const sharedBytes = (await readTreeBytes(process.pid)) - bytesBefore;
    await shared.close();
    return rowsOf(base.name, rounds, { ...models, bytes: modelsBytes }, { ...one, bytes: sharedBytes });
  } finally {
    await ollama.stop();
  }
}

interface Figures {
  readonly first: SwitchFigures;
  readonly following: SwitchFigures;
}

async function ask(options: Omit<BenchSwitchOptions, "turnsBefore">): Promise<Figures> {
  const first = await benchSwitch({ ...options, turnsBefore: 0 });
  return { first, following: await benchSwitch({ ...options, turnsBefore: TURNS_BEFORE }) };
}

interface Side extends Figures {
  readonly bytes: number;
}

function rowsOf(model: string, rounds: number, ollama: Side, shared: Side): readonly BenchRow[] {
  const row = (measured: string, value: number, unit: string, note = ""): BenchRow => ({
    bench: "switch",
    measured,
    value,
    unit,
    ...(note === "" ? {} : { note }),
  });
  const note = `median of ${rounds * DOMAINS}; ${model}`;
  const firstTokens = (which: keyof Figures, what: string) => {
    const [models, one] = [ollama[which], shared[which]];
    return [
      row(`Ollama, 4 domains in turns, ${what}: first token`, models.switchedMsMedian, "ms", note),
      row(`shared, 4 domains in turns, ${what}: first token`, one.switchedMsMedian, "ms", note),
      row(`first token in turns, ${what}, Ollama / shared`, models.switchedMsMedian / one.switchedMsMedian, "times"),
      row(`Ollama, the same domain again, ${what}: first token`, models.stayedMsMedian, "ms", note),
      row(`shared, the same domain again, ${what}: first token`, one.stayedMsMedian, "ms", note),
    ];
  };
  const costOf = ({ first }: Side) => Math.max(SWITCH_MS_MIN, first.switchMs);
  return [
    ...firstTokens("first", "first question"),
    ...firstTokens("following", `${TURNS_BEFORE} turns before`),
    {
      ...row("the switch itself, Ollama / shared", costOf(ollama) / costOf(shared), "times"),
      goal: { min: 50 },
      note: `least in turns less least again: ${costOf(ollama).toFixed(0)} ms, ${costOf(shared).toFixed(0)} ms (at least ${SWITCH_MS_MIN})`,
    },
    row(
      "Ollama: memory with one domain loaded",
      ollama.bytes / MEBIBYTE,
      "MiB",
      "it holds one adapter per base at a time",
    ),
    row("shared: memory with 4 domains loaded", shared.bytes / MEBIBYTE, "MiB", "more than before the engine opened"),
  ];
}

async function writeAdapter(directory: string, shape: typeof SMOLLM2_SHAPE, seed: number): Promise<AdapterFile> {
  const path = join(directory, `switch-${seed}.gguf`);
  const { digest } = await writeBenchAdapter(path, shape, seed);
  return { digest, path };
}
