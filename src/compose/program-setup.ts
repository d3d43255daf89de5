import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text as readText } from "node:stream/consumers";
import type { Command } from "commander";
import { applicationIdOfToken, createInviteLinks, printInvite } from "#commands/invite.ts";
import { ReplayRefusedError, replay } from "#commands/replay.ts";
import { setUp } from "#commands/setup.ts";
import { openSetup, type SetupContext } from "#commands/setup-credentials.ts";
import { testDiscord } from "#commands/setup-discord.ts";
import { SETUP_FIELDS } from "#commands/setup-fields.ts";
import { programDirectory } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { readSystem } from "#config/system.ts";
import { ConfigInvalidError, SettingInvalidError } from "#core/errors.ts";
import type { SetupParts } from "#dashboard/setup-records.ts";
import type { CommandContext } from "./command-context.ts";
import { newId } from "./identity.ts";
import { findServer } from "./running-server.ts";

export function addSetupCommands(program: Command, context: CommandContext): void {
  const setup = program
    .command("setup")
    .description("connect Discord and Slack: takes the credentials, tests them, writes them to .env")
    .option("--yes", "ask nothing; use the flags and what is stored")
    .option("--no-test", "write without asking the platforms")
    .option("--json", "for scripts; asks nothing");
  for (const { variable, label } of SETUP_FIELDS) {
    setup.option(`--${flagOf(variable)}-file <file>`, `file that holds the ${label}; - for standard input`);
  }
  setup.action((options) => runSetup(context, options));
  program
    .command("invite")
    .description("links that bring the bot into a Discord server and make the Slack app")
    .option("--application-id <id>", "of the Discord application; read from the token when not given")
    .option("--json", "for scripts")
    .action((options) => runInvite(context, options));
  program
    .command("replay <file>")
    .description(
      "hand recorded platform events (JSON lines) to the running bot, which answers them where they came from",
    )
    .option("--dry-run", "only check the lines")
    .option("--speed <factor>", "1: as fast as it was recorded; 0: without pauses", "0")
    .option("--fresh", "as new events, although they were replayed before")
    .option("--skip-invalid", "send the good lines although others are bad")
    .option("--json", "for scripts")
    .action((file, options) => runReplay(context, file, options));
}

async function runReplay(
  { output, load }: CommandContext,
  file: string,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new ReplayRefusedError(`file "${file}" cannot be read`, "Check the path", { cause });
  });
  const speed = Number(options["speed"]);
  if (!(speed >= 0 && speed <= 10_000))
    throw new ReplayRefusedError("--speed is no number from 0 to 10000", "Try --speed 1");
  const isDryRun = options["dryRun"] === true;
  const url = isDryRun ? undefined : (await findServer(load().config))?.url;
  const summary = await replay(
    text,
    {
      url,
      isDryRun,
      speed,
      ...(options["fresh"] === true ? { freshId: newId() } : {}),
      skipsInvalid: options["skipInvalid"] === true,
      isJson: options["json"] === true,
    },
    output,
  );
  if (summary.invalid.length > 0 || summary.failed.length > 0) process.exitCode = 1;
}

/** For the web: the same set-up with the settings of the running program. */
export function openWebSetup(config: Config, envFile: string | undefined): SetupParts {
  return openSetup(contextOf(config, envFile));
}

async function runSetup(
  { output, load, envFile }: CommandContext,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const context = contextOf(configOrDefaults(load, output.tell), envFile());
  const given = await readGiven(options);
  const { openSetupPrompts } = await import("#commands/setup-prompts.ts");
  const isUnattended = options["yes"] === true || options["json"] === true || !process.stdin.isTTY;
  const isDone = await setUp(
    { setup: openSetup(context), context, prompts: openSetupPrompts(process.stdin, process.stderr) },
    { given, isJson: options["json"] === true, isUnattended, isTested: options["test"] !== false },
    output,
  );
  if (!isDone) process.exitCode = 1;
}

async function runInvite(
  { output, load, envFile }: CommandContext,
  options: Readonly<Record<string, unknown>>,
): Promise<void> {
  const config = configOrDefaults(load, output.tell);
  const context = contextOf(config, envFile());
  const token = config?.credentials.discordToken;
  const chosen = options["applicationId"];
  const asked =
    typeof chosen === "string" || token === undefined
      ? undefined
      : (await testDiscord(token, context.discordApiUrl)).applicationId;
  const applicationId = typeof chosen === "string" ? chosen : (asked ?? applicationIdOfToken(token ?? ""));
  const links = createInviteLinks({ applicationId, manifest: await context.readManifest() });
  printInvite(links, { isJson: options["json"] === true }, output);
}

/** Set-up is what mends a wrong credential: a configuration that does not load must not stop it. */
function configOrDefaults(load: CommandContext["load"], tell: (line: string) => void): Config | undefined {
  try {
    return load().config;
  } catch (error) {
    if (!(error instanceof ConfigInvalidError)) throw error;
    for (const problem of error.problems) tell(`! ${problem}`);
    return undefined;
  }
}

function contextOf(config: Config | undefined, envFile: string | undefined): SetupContext {
  const { environment, workingDirectory } = readSystem();
  return {
    workingDirectory,
    envPath: resolve(workingDirectory, envFile ?? ".env"),
    environment,
    discordApiUrl: config?.discord.apiUrl,
    slack: { apiUrl: config?.slack.apiUrl, mode: config?.slack.mode ?? "auto" },
    answering: config && answeringOf(config),
    readManifest,
    now: Date.now,
  };
}

function answeringOf({ inference, servers }: Config): SetupContext["answering"] {
  const { engine, preset, hosts } = inference;
  return { engine, preset, hasHosts: servers.ollamaUrl !== undefined || hosts.length > 0 };
}

export async function readManifest(): Promise<string | undefined> {
  return readFile(join(programDirectory, "config", "slack-manifest.yaml"), "utf8").catch(() => undefined);
}

async function readGiven(options: Readonly<Record<string, unknown>>): Promise<Readonly<Record<string, string>>> {
  const given: Record<string, string> = {};
  for (const { variable } of SETUP_FIELDS) {
    const path = options[`${camelCase(flagOf(variable))}File`];
    if (typeof path !== "string") continue;
    given[variable] = (await readSecret(path, variable)).trim();
  }
  return given;
}

async function readSecret(path: string, variable: string): Promise<string> {
  if (path === "-") return readText(process.stdin);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text !== undefined) return text;
  throw new SettingInvalidError(
    variable,
    `file "${path}" cannot be read`,
    `Check the path after --${flagOf(variable)}-file`,
  );
}

/** "discord-token" for DISCORD_TOKEN. */
function flagOf(variable: string): string {
  return variable.toLowerCase().replaceAll("_", "-");
}

function camelCase(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
