import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { DomainUnknownError, TrainingUnavailableError } from "#core/errors.ts";
import { type SimulationPlan, simulate } from "#simulation/simulate.ts";
import { limitFacts, readWorld } from "#simulation/world.ts";
import type { CommandContext } from "./command-context.ts";
import { openLog } from "./open-log.ts";
import { openSimulation, simulationPreset, tinyModelPath, worldPath } from "./open-simulation.ts";
import { missingForTraining } from "./training-settings.ts";

/**
 * The tiny model knows the answers and says them a third of the time, so people like some and teach few; SmolLM2 cannot
 * know them, so people teach.
 */
const TASTES = {
  tiny: { reactsToRight: 0.9, reactsToWrong: 0.12, teaches: 0.1, slips: 0.02 },
  real: { reactsToRight: 0.9, reactsToWrong: 0.05, teaches: 0.9, slips: 0.02 },
} as const;

/** A million parameters hold one taste: its five held-out greetings tell nothing about a real model's forgetting (docs/tiny-model.md). */
const TINY_FORGETS = { "evaluation.generalLossWorseMaxRatio": "2" } as const;

export function addSimulateCommand(program: Command, context: CommandContext): void {
  program
    .command("simulate")
    .description(
      "simulated people chat, react and teach; the whole learning loop turns for real, in a folder of its own",
    )
    .option("--base <base>", "tiny (seconds) or default (SmolLM2, minutes)", "tiny")
    .option("--domains <domains>", "comma-separated", "support")
    .option("--people <people>", "how many chat at once", "4")
    .option("--facts <facts>", "how many things each domain is about; all by default")
    .option("--seed <seed>", "of the people's choices", "1")
    .option("--out <directory>", "for data, curve.svg and curve.png", join(".reactune", "simulation"))
    .option("--json", "for scripts")
    .action((options) => runSimulation(context, options));
}

interface SimulateFlags {
  readonly base: string;
  readonly domains: string;
  readonly people: string;
  readonly facts?: string;
  readonly seed: string;
  readonly out: string;
  readonly json?: boolean;
}

async function runSimulation({ load, output }: CommandContext, flags: SimulateFlags): Promise<void> {
  const world = limitFacts(readWorld(worldPath), Math.max(1, Number(flags.facts) || Number.POSITIVE_INFINITY));
  const directory = join(resolve(flags.out), `${flags.base}-${new Date().toISOString().replace(/[:.]/gu, "-")}`);
  await mkdir(directory, { recursive: true });
  const isTiny = flags.base === "tiny";
  const generalPromptsFile = join(directory, "general-prompts.json");
  if (isTiny) await writeFile(generalPromptsFile, JSON.stringify(world.generalQuestions));
  const { config } = load({
    presets: simulationPreset(world),
    forced: {
      "data.directory": directory,
      // The curve is to show what the adapter learned, not what is looked up beside the question.
      "retrieval.enabled": "false",
      ...(isTiny
        ? { "inference.model": tinyModelPath, "evaluation.generalPromptsFile": generalPromptsFile, ...TINY_FORGETS }
        : {}),
    },
  });
  const missing = missingForTraining(config);
  if (missing !== undefined) throw new TrainingUnavailableError(missing.why.toLowerCase(), missing.hint);
  const plan: SimulationPlan = {
    domains: flags.domains.split(",").map((domain) => {
      if (!world.domains.includes(domain)) throw new DomainUnknownError(domain, world.domains);
      return domain;
    }),
    people: Math.max(1, Number(flags.people) || 1),
    taste: isTiny ? TASTES.tiny : TASTES.real,
    seed: Number(flags.seed) || 1,
    questionsMax: 800,
    questionsAfter: 40,
  };
  const { showSimulation } = await import("#commands/simulate.ts"); // its charts would cost every other command half a second
  const log = await openLog(config.log, "stderr");
  const simulation = await openSimulation(config, world, (line) => output.tell(line), log);
  try {
    await showSimulation(await simulate(simulation.parts, plan), { directory, isJson: flags.json === true }, output);
  } finally {
    await simulation.close();
  }
}
