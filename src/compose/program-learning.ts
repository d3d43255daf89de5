import type { Command } from "commander";
import { findAdapterByText, showAdapters } from "#commands/adapters.ts";
import { collectOnly } from "#commands/collect-dataset.ts";
import { showReadiness } from "#commands/readiness.ts";
import { showRuns } from "#commands/runs.ts";
import { showStatus } from "#commands/status.ts";
import { followRun } from "#commands/train.ts";
import { readDomains } from "#config/domains.ts";
import type { Config } from "#config/schema.ts";
import { DomainUnknownError, TrainingUnavailableError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { ALL_DOMAINS, type LearningScope } from "#core/scope.ts";
import { activateAdapter, listAdapters, rollBackAdapter } from "#trainer/activate-adapter.ts";
import { readWorkspaceReadiness } from "#trainer/read-readiness.ts";
import { cancelTraining, requestTraining } from "#trainer/request-training.ts";
import { localScope } from "./all.ts";
import type { CommandContext } from "./command-context.ts";
import type { OpenEngine } from "./open-inference.ts";
import { openLog } from "./open-log.ts";
import { openServingEngine, readServingDigest } from "./open-serving.ts";
import { openStores } from "./open-stores.ts";
import { type OpenTrainer, openTrainer } from "./open-trainer.ts";
import { readSystemPrompts } from "./open-training.ts";
import { describePlatforms } from "./platforms.ts";
import { findServer } from "./running-server.ts";
import type { Stores } from "./stores.ts";
import { missingForTraining, readinessSettings } from "./training-settings.ts";

const OPERATOR = "operator";

export function addLearningCommands(program: Command, context: CommandContext): void {
  program
    .command("status")
    .description("what runs, where, what is in service, which platforms are on or why not")
    .option("--json", "for scripts")
    .action((options) => withParts(context, (parts) => status(context, parts, options.json === true)));
  program
    .command("readiness")
    .description("how far each domain is from training")
    .option("--json", "for scripts")
    .action((options) => withParts(context, (parts) => readiness(context, parts, options.json === true)));
  program
    .command("train")
    .argument("[domain]", "technical, support, legal, general or one of your own; all when only collecting")
    .description("train an adapter on what people liked, prove it, put it into service")
    .option("--collect-only", "only write the data set and its summary into this folder")
    .option("--days <days>", "how old examples may be (dataset.days)")
    .option("--force", "train although readiness is not green, or although the engine that answers takes no adapters")
    .option("--json", "for scripts")
    .action((domain, options) => withParts(context, (parts) => train(context, parts, domain, options)));
  addAdapterCommands(program, context);
  addRunCommands(program, context);
}

function addAdapterCommands(program: Command, context: CommandContext): void {
  const adapters = program.command("adapters").description("what was learned, and what is in service");
  adapters
    .command("list")
    .option("--json", "for scripts")
    .action((options) =>
      withParts(context, async ({ config, stores, log }) =>
        showAdapters(
          await listAdapters(stores.learning, await readServingDigest(config, log)),
          { isJson: options.json === true },
          context.output,
        ),
      ),
    );
  adapters
    .command("activate")
    .argument("<adapter>", "name, digest, or the digest's first characters")
    .action((text) => withParts(context, (parts) => activate(context, parts, text)));
  adapters
    .command("rollback")
    .argument("<domain>")
    .description("put the adapter before the active one (or the base model) back")
    .action((domain) => withParts(context, (parts) => rollBack(context, parts, domain)));
}

function addRunCommands(program: Command, context: CommandContext): void {
  const runs = program.command("runs").description("training runs, newest first");
  runs
    .command("list")
    .option("--json", "for scripts")
    .action((options) =>
      withParts(context, async ({ stores }) =>
        showRuns(await stores.learning.listRuns({ limit: 30 }), { isJson: options.json === true }, context.output),
      ),
    );
  runs
    .command("cancel")
    .argument("<run>")
    .action((runId) =>
      withParts(context, async ({ trainer }) => {
        const isCancelled = await cancelTraining(trainer.request, runId, OPERATOR);
        context.output.print(isCancelled ? `Run ${runId} is being cancelled` : `Run ${runId} is not running`);
      }),
    );
}

interface Parts {
  readonly config: Config;
  readonly domains: readonly string[];
  readonly stores: Stores;
  readonly trainer: OpenTrainer;
  readonly serving: () => Promise<OpenEngine>;
  readonly log: Log;
}

/** Commands log warnings only, to standard error; the engine is opened when something asks for it. */
async function withParts(context: CommandContext, act: (parts: Parts) => Promise<void> | void): Promise<void> {
  const { config } = context.load();
  const log = await openLog(
    { ...config.log, level: config.log.level === "info" ? "warn" : config.log.level },
    "stderr",
  );
  const stores = await openStores(config, log);
  let opened: Promise<OpenEngine> | undefined;
  const serving = () => {
    opened ??= openServingEngine(config, log);
    return opened;
  };
  const trainer = openTrainer(config, stores, serving, log);
  try {
    const domains = readDomains(config.assistant.domainsFile).map((domain) => domain.id);
    await act({ config, domains, stores, trainer, serving, log });
  } finally {
    await trainer.close();
    await (await opened)?.close();
    await stores.close();
  }
}

function scopeOf({ domains }: Parts, domain: string): LearningScope {
  if (!domains.includes(domain)) throw new DomainUnknownError(domain, domains);
  return localScope(domain);
}

async function status(context: CommandContext, { config, domains, stores }: Parts, isJson: boolean): Promise<void> {
  const missing = missingForTraining(config);
  const readinessOfAll = await readWorkspaceReadiness(
    stores.learning,
    localScope(""),
    domains,
    readinessSettings(config),
    Date.now(),
  );
  const services = await stores.learning.listServices();
  showStatus(
    {
      server: await findServer(config),
      platforms: describePlatforms(config),
      training: missing === undefined ? "available" : `${missing.why}. ${missing.hint}`,
      domains: readinessOfAll
        .filter(({ domain }) => domain !== ALL_DOMAINS)
        .map(({ domain, readiness: judged }) => ({
          domain,
          light: judged.light,
          progress: judged.progress,
          active: services.find((service) => service.scope.domain === domain)?.active ?? null,
        })),
      runs: (await stores.learning.listRuns({ limit: 3 })).map(({ id, scope, state, verdict }) => ({
        id,
        domain: scope.domain,
        state,
        verdict: verdict ?? null,
      })),
    },
    { isJson },
    context.output,
  );
}

async function readiness(context: CommandContext, { config, domains, stores }: Parts, isJson: boolean): Promise<void> {
  const all = await readWorkspaceReadiness(
    stores.learning,
    localScope(""),
    domains,
    readinessSettings(config),
    Date.now(),
  );
  const missing = missingForTraining(config);
  const note = missing === undefined ? {} : { note: `${missing.why}. ${missing.hint}` };
  showReadiness(all, { isJson, ...note }, context.output);
}

interface TrainFlags {
  readonly collectOnly?: boolean;
  readonly days?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

async function train(
  context: CommandContext,
  parts: Parts,
  domain: string | undefined,
  flags: TrainFlags,
): Promise<void> {
  const { config, stores, trainer, log } = parts;
  const isJson = flags.json === true;
  if (flags.collectOnly === true) {
    const request = {
      scopes: (domain === undefined ? parts.domains : [domain]).map((name) => scopeOf(parts, name)),
      days: flags.days === undefined ? config.dataset.days : parseDays(flags.days),
      settings: config.dataset,
      systemPromptFor: await readSystemPrompts(config, stores, log),
    };
    await collectOnly(
      { ...stores, now: Date.now },
      request,
      { directory: process.cwd(), isJson, signal: new AbortController().signal },
      context.output,
    );
    return;
  }
  if (domain === undefined) throw new DomainUnknownError("(none given)", parts.domains);
  const missing = missingForTraining(config, { proofOnly: flags.force === true });
  if (missing !== undefined) throw new TrainingUnavailableError(missing.why.toLowerCase(), missing.hint);
  const run = await requestTraining(trainer.request, scopeOf(parts, domain), {
    by: OPERATOR,
    isForced: flags.force === true,
  });
  trainer.work();
  const stop = new AbortController();
  const cancel = () => {
    void cancelTraining(trainer.request, run.id, OPERATOR);
  };
  process.once("SIGINT", cancel);
  const ended = await followRun(stores.learning, run.id, { isJson, signal: stop.signal }, context.output);
  process.removeListener("SIGINT", cancel);
  if (ended.state !== "activated" && ended.state !== "waiting-for-approval") process.exitCode = 1;
}

function parseDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 365) {
    throw new TrainingUnavailableError(`--days is "${text}"`, "Pass whole days from 1 to 365, for example --days 7");
  }
  return days;
}

async function activate(context: CommandContext, { stores, trainer, serving }: Parts, text: string): Promise<void> {
  const opened = await serving();
  const adapter = findAdapterByText(await listAdapters(stores.learning, opened.base.digest), text);
  const service = await activateAdapter(trainer.activate, opened, adapter.digest, {
    by: OPERATOR,
    reason: "chosen on the command line",
  });
  context.output.print(`${adapter.name} is in service for ${adapter.scope.domain} (epoch ${service.epoch})`);
}

async function rollBack(context: CommandContext, parts: Parts, domain: string): Promise<void> {
  const service = await rollBackAdapter(parts.trainer.activate, scopeOf(parts, domain), {
    by: OPERATOR,
    reason: "rolled back on the command line",
  });
  context.output.print(
    `${domain} is answered by ${service.active === undefined ? "the base model" : `adapter ${service.active.slice(0, 12)}`} again`,
  );
}
