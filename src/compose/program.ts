import type { Command } from "commander";
import type { Output } from "#commands/output.ts";
import { loadSettings } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import type { CommandContext } from "./command-context.ts";
import { addDataCommands } from "./program-data.ts";
import { addLearningCommands } from "./program-learning.ts";
import { addMigrateCommand } from "./program-migrate.ts";
import { addServerCommands } from "./program-server.ts";
import { addSetupCommands } from "./program-setup.ts";
import { addWorkshopCommands } from "./program-workshop.ts";
import { readVersion } from "./version.ts";

/** The command line, all of it. Parsing runs the command. */
export function createProgram(program: Command, output: Output): Command {
  program
    .description("A self-hosted chat assistant that learns from emoji. Without a command it starts everything.")
    .version(readVersion())
    .option("--config <file>", "operator's settings instead of ./reactune.yaml")
    .option("--env-file <file>", "secrets and variables instead of ./.env")
    .option("--set <key=value>", "one setting, for example trainer.rank=8 (repeatable)", collect, [])
    .option("--data <directory>", "folder of database and adapters (data.directory)")
    .option("--model <model>", "base model: default, the path of a GGUF file, or hf:... (inference.model)")
    .option("--port <port>", "port of the web chat, 0 takes any free one (web.port)")
    .option("--log-level <level>", "trace, debug, info, warn, error or silent (log.level)")
    .showHelpAfterError("(run with --help for what there is)");
  const envFile = () => {
    const path: unknown = program.opts()["envFile"];
    return typeof path === "string" ? path : undefined;
  };
  const context: CommandContext = {
    output,
    envFile,
    load: ({ presets = {}, forced = {} } = {}) => {
      const options = program.opts();
      const argvSettings = [
        ...Object.entries(forced).map(([key, value]) => ({ key, value, flag: "this command" })),
        ...flagSettings(options),
      ];
      return loadSettings({
        ...readSystem(),
        configFile: options["config"],
        envFile: envFile(),
        argvSettings,
        presets,
      });
    },
  };
  addServerCommands(program, context);
  addSetupCommands(program, context);
  addLearningCommands(program, context);
  addDataCommands(program, context);
  addMigrateCommand(program, context);
  addWorkshopCommands(program, context);
  return program;
}

const NAMED_FLAGS = {
  data: "data.directory",
  model: "inference.model",
  port: "web.port",
  logLevel: "log.level",
} as const;
const FLAG_WORDS = { data: "--data", model: "--model", port: "--port", logLevel: "--log-level" } as const;

function flagSettings(options: Readonly<Record<string, unknown>>): { key: string; value: string; flag: string }[] {
  const named = (Object.keys(NAMED_FLAGS) as (keyof typeof NAMED_FLAGS)[]).flatMap((name) => {
    const value = options[name];
    return typeof value === "string" ? [{ key: NAMED_FLAGS[name], value, flag: FLAG_WORDS[name] }] : [];
  });
  const set = Array.isArray(options["set"]) ? options["set"].map(String) : [];
  return [...set.map((text) => splitSetting(text)), ...named];
}

function splitSetting(text: string): { key: string; value: string; flag: string } {
  const at = text.indexOf("=");
  return at < 0
    ? { key: text, value: "", flag: `--set ${text}` }
    : { key: text.slice(0, at), value: text.slice(at + 1), flag: `--set ${text.slice(0, at)}` }; // the value may be a secret
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
