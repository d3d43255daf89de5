import { writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import closeWithGrace from "close-with-grace";
import { type Command, InvalidArgumentError } from "commander";
import pc from "picocolors";
import type { CommandFile } from "#bots/chat-command.ts";
import { chatInTerminal } from "#commands/chat.ts";
import type { Output } from "#commands/output.ts";
import { openEventRecorder } from "#commands/record-events.ts";
import { isChosenByOperator } from "#config/load.ts";
import type { Config } from "#config/schema.ts";
import { ALL_ROLES, type Role, type RunningProgram, startAll } from "./all.ts";
import type { CommandContext } from "./command-context.ts";
import { runDiscordShard } from "./discord-shard.ts";
import { runDiscordShards } from "./discord-shards.ts";
import { newId } from "./identity.ts";
import { openMetrics } from "./metrics.ts";
import { openChat } from "./open-chat.ts";
import { openLog } from "./open-log.ts";
import { openStores } from "./open-stores.ts";
import { describePlatforms } from "./platforms.ts";

const CLOSE_MAX_MS = 20_000;
const MEGABYTE = 1_000_000;

export function addServerCommands(program: Command, context: CommandContext): void {
  program
    .command("start", { isDefault: true })
    .description("run everything: web chat, learning, schedule, and every platform that has credentials")
    .option("--shards <count>", "processes for Discord's servers: a number, or auto (discord.shards)")
    .option("--record <file>", "append what the platforms hand in, for `reactune replay`; it holds people's words")
    .option("--record-max <megabytes>", "largest size of the recording; its oldest lines go", parseMegabytes, 100)
    .action((flags) => start(context, ALL_ROLES, flags));
  program
    .command("bots")
    .description("run only the chat platforms, beside processes of the other two kinds")
    .option("--shards <count>", "processes for Discord's servers: a number, or auto (discord.shards)")
    .option("--record <file>", "append what the platforms hand in, for `reactune replay`; it holds people's words")
    .option("--record-max <megabytes>", "largest size of the recording; its oldest lines go", parseMegabytes, 100)
    .action((flags) => start(context, ["bots"], flags));
  program
    .command("trainer")
    .description("run only learning: schedule, training, activation")
    .action(() => start(context, ["trainer"], {}));
  program
    .command("dashboard")
    .description("run only the web chat, the admin panel and the HTTP API")
    .action(() => start(context, ["dashboard"], {}));
  program
    .command("discord-shard", { hidden: true })
    .description("serves a share of Discord's servers for the program that starts it")
    .action(() => runDiscordShard());
  program
    .command("chat")
    .description("chat in this terminal")
    .action(() => chat(context));
}

async function start(
  { load, output, envFile }: CommandContext,
  roles: readonly Role[],
  flags: { readonly shards?: string; readonly record?: string; readonly recordMax?: number },
): Promise<void> {
  const { config, settings } = load(flags.shards === undefined ? {} : { forced: { "discord.shards": flags.shards } });
  const metrics = config.operations.port === undefined ? undefined : await openMetrics();
  const plainLog = await openLog(config.log, "stdout");
  const log = metrics?.meter(plainLog) ?? plainLog;
  const isPortGiven = isChosenByOperator(settings, "web.port");
  const bytesMax = (flags.recordMax ?? 0) * MEGABYTE;
  const recorder = flags.record === undefined ? undefined : await openEventRecorder(flags.record, { bytesMax, log });
  const running = await startAll(
    config,
    {
      roles,
      isPortGiven,
      envFile: envFile(),
      ...(metrics === undefined ? {} : { metrics }),
      ...(recorder === undefined ? {} : { recorder }),
    },
    log,
  );
  const shards = roles.includes("bots") && isSharded(config) ? runDiscordShards(config, log) : undefined;
  tellReady(running, roles, output);
  await new Promise<void>((resolve, reject) => {
    closeWithGrace({ delay: CLOSE_MAX_MS, logger: false }, async ({ err }) => {
      if (err !== undefined) log.error({ err }, "program.crashed");
      log.info({}, "program.stopping");
      await Promise.all([shards?.close(), running.close()]);
      await recorder?.close();
      if (err === undefined) resolve();
      else reject(err);
    });
  });
}

function parseMegabytes(text: string): number {
  const megabytes = Number(text);
  if (!(megabytes > 0)) throw new InvalidArgumentError("It is not a number above 0.");
  return megabytes;
}

function tellReady({ url, operationsUrl, model }: RunningProgram, roles: readonly Role[], output: Output): void {
  const what = roles.length === ALL_ROLES.length ? "Reactune" : `Reactune (${roles.join(", ")})`;
  output.print(`\n  ${pc.bold(`${what} is ready`)}${url === undefined ? "" : `: ${pc.cyan(url)}`}`);
  if (operationsUrl !== undefined) output.print(`  Health and figures: ${operationsUrl}/metrics`);
  if (model !== undefined) {
    const standIn = " (a tiny stand-in: run `npm start` with Python to install the real one)";
    output.print(`  Model: ${model.name}${model.isStandIn ? pc.yellow(standIn) : ""}`);
  }
  if (url !== undefined) {
    output.print(pc.dim("  Chat, press an emoji under the replies, and watch it learn. Ctrl+C ends it."));
  }
  output.print("");
}

function isSharded(config: Config): boolean {
  const isOn = describePlatforms(config).some(({ platform, isOn }) => platform === "discord" && isOn);
  return isOn && config.discord.shards !== undefined;
}

async function chat({ load }: CommandContext): Promise<void> {
  const { config } = load();
  const log = await openLog(
    { ...config.log, level: config.log.level === "info" ? "error" : config.log.level },
    "stderr",
  );
  const stores = await openStores(config, log);
  const { createLocalConnector } = await import("#bots/local/local-connector.ts");
  const localChat = createLocalConnector({ now: Date.now, newId });
  const opened = await openChat(config, stores, [localChat], log);
  try {
    await chatInTerminal({
      localChat,
      ...opened.commands,
      stopReply: (turnId) => opened.answering.stopReply(turnId),
      input: process.stdin,
      output: process.stdout,
      saveFile,
      now: Date.now,
      newId,
    });
  } finally {
    await opened.close();
    await stores.close();
  }
}

/** Into the folder where the person started the program, for their eyes only. */
async function saveFile({ name, contents }: CommandFile): Promise<string> {
  const path = resolve(basename(name));
  await writeFile(path, contents, { mode: 0o600 });
  return path;
}
