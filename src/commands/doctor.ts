import { isChosenByOperator, type LoadedConfig } from "#config/load.ts";
import { readTrainingSetup } from "#config/training-setup.ts";
import { type ConfigInvalidError, describeError } from "#core/errors.ts";
import { checkEngine, type InspectEngine } from "./doctor-engine.ts";
import { checkData, checkEmbedder, checkFonts, checkModel } from "./doctor-files.ts";
import { type Finding, failure, ok } from "./doctor-finding.ts";
import { checkDisk, checkMemory, checkNode, checkNpmPackages, checkPort } from "./doctor-machine.ts";
import { checkPlatforms } from "./doctor-platforms.ts";
import { checkTraining } from "./doctor-python.ts";
import { checkServers, type ServerInspectors } from "./doctor-servers.ts";

export interface DoctorContext {
  /** Where the program lies: package.json, .assets. */
  readonly programDirectory: string;
  /** The error instead, where the configuration is wrong: the rest is checked all the same. */
  readonly config: LoadedConfig | ConfigInvalidError;
  /** Opens the database at a path as the program would, and closes it. Rejects when it does not open. */
  readonly openDatabase: (path: string) => Promise<void>;
  readonly inspectors?: ServerInspectors;
  readonly inspectEngine?: InspectEngine;
}

export interface DoctorReport {
  /** False when at least one finding is a failure: the exit code is then 1. */
  readonly isHealthy: boolean;
  readonly findings: readonly Finding[];
}

/** Checks everything that a run needs, in the order in which to mend it. */
export async function doctor({
  programDirectory,
  config,
  openDatabase,
  inspectors,
  inspectEngine,
}: DoctorContext): Promise<DoctorReport> {
  const checks: Promise<Finding | readonly Finding[]>[] = [
    checked("Node.js", async () => checkNode()),
    checked("npm packages", () => checkNpmPackages(programDirectory)),
    checked("Fonts", () => checkFonts(programDirectory)),
    checked("Memory", () => checkMemory()),
    checked("Embedding model", () => checkEmbedder(programDirectory)),
  ];
  if (isLoaded(config)) {
    const { data, web, inference, trainer, servers } = config.config;
    const isPortGiven = isChosenByOperator(config.settings, "web.port");
    checks.push(
      checked("Settings", async () => describeSettings(config)),
      checked("Disk", () => checkDisk(data.directory)),
      checked("Data", () => checkData(data, openDatabase)),
      checked("Port", () => checkPort(web, isPortGiven)),
      checked("Model", () => checkModel(programDirectory, inference.model)),
      checked("Python", () => checkTraining({ programDirectory, trainer, setup: readTrainingSetup(programDirectory) })),
      checked("Servers", () => checkServers(servers, inspectors)),
      ...(inspectEngine === undefined ? [] : [checked("Engine", () => checkEngine(inspectEngine))]),
      checked("Platforms", () => checkPlatforms(config.config, programDirectory)),
    );
  } else {
    const fix = "Mend it; what depends on the settings is checked then";
    checks.push(Promise.resolve(config.problems.map((problem) => failure("Settings", problem, fix))));
  }
  const findings = (await Promise.all(checks)).flat();
  return { isHealthy: findings.every(({ state }) => state !== "failure"), findings };
}

/** For people: a line per finding, and the fix below it. */
export function formatDoctorReport({ findings }: DoctorReport): readonly string[] {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.flatMap(({ name, state, found, fix }) => {
    const line = `${marks[state]} ${name.padEnd(width)}  ${found}`;
    return fix === undefined ? [line] : [line, `  ${" ".repeat(width)}  -> ${fix}`];
  });
  const count = (state: Finding["state"]) => findings.filter((finding) => finding.state === state).length;
  return [...lines, "", `${count("ok")} fine, ${count("warning")} warnings, ${count("failure")} failures`];
}

const marks = { ok: "✓", warning: "!", failure: "✗" } as const;

function isLoaded(config: DoctorContext["config"]): config is LoadedConfig {
  return "config" in config;
}

/** Settings that the operator gave, with their sources. */
function describeSettings({ settings }: LoadedConfig): Finding {
  const chosen = settings.filter(({ source }) => source.kind !== "default");
  if (chosen.length === 0) return ok("Settings", "all at their defaults");
  const words = chosen.map(({ key, value, source }) => `${key} = ${JSON.stringify(value)} (${source.place})`);
  return ok("Settings", words.join(", "));
}

/** A check that breaks is a finding too: the others still report. */
async function checked(
  name: string,
  check: () => Promise<Finding | readonly Finding[]>,
): Promise<Finding | readonly Finding[]> {
  try {
    return await check();
  } catch (error) {
    return failure(name, `it cannot be checked: ${describeError(error)}`, "Run `npm start`; if it stays so, report it");
  }
}
