import { writeFile } from "node:fs/promises";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import type { BenchRow } from "#commands/bench-figures.ts";
import { type BenchReport, showBench } from "#commands/bench-report.ts";
import type { Output } from "#commands/output.ts";
import { type BenchWorld, inBenchWorld } from "./bench-parts.ts";
import type { CommandContext } from "./command-context.ts";
import { readVersion } from "./version.ts";

interface BenchFlags {
  readonly only: readonly string[];
  readonly rounds?: number;
  readonly turns: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly ollama?: string;
}

interface Bench {
  readonly name: string;
  /** Needs a program that few machines have: measured when it is asked for by name. */
  readonly isByNameOnly?: true;
  readonly rounds: number;
  readonly preset: () => Promise<Readonly<Record<string, string>>>;
  readonly run: (
    world: BenchWorld,
    rounds: number,
    flags: BenchFlags,
    signal: AbortSignal,
    output: Output,
  ) => Promise<readonly BenchRow[]>;
}

/** In the order of the table. Technologies are loaded by the bench that needs them. */
const BENCHES: readonly Bench[] = [
  {
    name: "inference",
    rounds: 10,
    preset: async () => ({}),
    run: async (world, rounds, _flags, signal) =>
      (await import("./bench-answers.ts")).inferenceRows(world, rounds, signal),
  },
  {
    name: "cache",
    rounds: 50,
    preset: async () => ({}),
    run: async (world, rounds, _flags, signal) => (await import("./bench-answers.ts")).cacheRows(world, rounds, signal),
  },
  {
    name: "near",
    rounds: 1,
    preset: async () => ({}),
    run: async (world, _rounds, _flags, signal) => (await import("./bench-answers.ts")).nearRows(world, signal),
  },
  {
    name: "activation",
    rounds: 10,
    preset: async () => {
      const { simulationPreset, tinyModelPath, worldPath } = await import("./open-simulation.ts");
      const { readWorld } = await import("#simulation/world.ts");
      // Without the cache: a stored reply would be quicker than the adapter.
      const changes = { "inference.model": tinyModelPath, "cache.enabled": "false" };
      return { ...simulationPreset(readWorld(worldPath)), ...changes };
    },
    run: async (world, rounds) => (await import("./bench-program.ts")).activationRows(world, rounds),
  },
  {
    name: "start",
    rounds: 5,
    preset: async () => ({}),
    run: async (world, rounds) => (await import("./bench-program.ts")).startRows(world, rounds),
  },
  {
    name: "store",
    rounds: 1,
    preset: async () => ({}),
    run: async (world, _rounds, { turns }) => (await import("./bench-program.ts")).storeRows(world, turns),
  },
  {
    name: "million",
    isByNameOnly: true,
    rounds: 1,
    preset: async () => ({}),
    run: async (world, _rounds, { turns }, _signal, output) =>
      (await import("./bench-million.ts")).millionRows(world, turns, output),
  },
  {
    name: "switch",
    isByNameOnly: true,
    rounds: 5,
    preset: async () => ({}),
    run: async (world, rounds, { ollama }, signal) =>
      (await import("./bench-switch.ts")).switchRows(world, ollama ?? "ollama", rounds, signal),
  },
];
const NAMES = BENCHES.map(({ name }) => name);

export function addBenchCommand(program: Command, context: CommandContext): void {
  program
    .command("bench")
    .description("measure this machine: answers, cache, activation, start, store; each against its goal")
    .option("--only <name>", `one of ${NAMES.join(", ")} (repeatable)`, collectName, [])
    .option("--rounds <rounds>", "instead of each bench's own number", parseCount)
    .option("--turns <turns>", "size of the store that is measured", parseCount, 20_000)
    .option("--ollama <program>", "for switch: the program to start; without it, the one in PATH")
    .option("--out <file>", "also write the figures as JSON")
    .option("--json", "for scripts")
    .action((flags) => runBenches(context, flags));
}

async function runBenches({ load, output }: CommandContext, flags: BenchFlags): Promise<void> {
  const [loadBefore = 0] = loadavg();
  const rows: BenchRow[] = [];
  const failed: { bench: string; why: string }[] = [];
  const { signal } = new AbortController();
  for (const bench of BENCHES) {
    if (flags.only.length > 0 ? !flags.only.includes(bench.name) : bench.isByNameOnly) continue;
    output.progress(`Measuring ${bench.name}`);
    try {
      const preset = await bench.preset();
      const rounds = flags.rounds ?? bench.rounds;
      rows.push(...(await inBenchWorld(load, preset, (world) => bench.run(world, rounds, flags, signal, output))));
    } catch (error) {
      failed.push({ bench: bench.name, why: error instanceof Error ? error.message : String(error) });
    }
  }
  if (output.isTerminal) output.progress("");
  const report: BenchReport = { machine: readMachine(loadBefore), rows, failed };
  showBench(report, { isJson: flags.json === true }, output);
  if (flags.out !== undefined) await writeFile(flags.out, `${JSON.stringify(report, null, 2)}\n`);
  if (failed.length > 0) process.exitCode = 1;
}

function readMachine(loadBefore: number): BenchReport["machine"] {
  return {
    dateUtc: new Date().toISOString(),
    program: `reactune ${readVersion()}`,
    node: process.versions.node,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    loadBefore,
    loadAfter: loadavg()[0] ?? 0,
  };
}

function collectName(name: string, before: readonly string[]): readonly string[] {
  if (!NAMES.includes(name)) throw new InvalidArgumentError(`It is none of ${NAMES.join(", ")}.`);
  return [...before, name];
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError("It is not a whole number above 0.");
  return count;
}
