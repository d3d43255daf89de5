import { DomainUnknownError } from "#core/errors.ts";
import { hasEnded, type Run } from "#core/learning.ts";
import type { LearningLevel } from "#core/people.ts";
import { LIGHT_EMOJI } from "#core/readiness.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { DomainReadiness } from "#trainer/read-readiness.ts";
import type {
  ChatCommand,
  CommandCall,
  CommandChoice,
  CommandImage,
  CommandOption,
  CommandReply,
} from "./chat-command.ts";
import { type CommandParts, recordAct, scopeOfCall } from "./command-parts.ts";

export function statusCommand(parts: CommandParts): ChatCommand {
  return {
    name: "status",
    description: "How far each domain is from training, and what answers now",
    access: "admin",
    options: [domainOption("The domain to show in full; all together when left out", false)],
    complete: completeDomain(parts),
    async run(call) {
      const domain = chosenDomain(parts, call) ?? ALL_DOMAINS;
      const all = await parts.training.readReadiness(scopeOfCall(call));
      const shown = all.find((item) => item.domain === domain);
      if (shown === undefined) throw new DomainUnknownError(domain, parts.domains);
      const image = await drawImage(parts, shown);
      const { level } = await parts.permission.read(call.workspaceId);
      const runs = await listNewestRuns(parts, call);
      return {
        text: [
          ...(await Promise.all(
            all.filter((item) => item.domain !== ALL_DOMAINS).map((item) => describeDomain(parts, call, item)),
          )),
          ...runs.map(describeNewestRun),
          ...describeNext(shown, { level, runs }),
          // What follows a list directly belongs to its last point.
          "",
          describePermission(level),
        ].join("\n"),
        ...(image === undefined ? {} : { image }),
      };
    },
  };
}

export function trainCommand(parts: CommandParts): ChatCommand {
  return {
    name: "train",
    description: "Train an adapter for a domain on what people liked here",
    access: "admin",
    options: [
      domainOption("What to train; shows how far all are when left out", false),
      {
        name: "mode",
        description: "check only shows what is missing",
        kind: "choice",
        isRequired: false,
        choices: [
          { name: "start", value: "start" },
          { name: "check", value: "check" },
        ],
      },
    ],
    complete: completeDomain(parts),
    async run(call) {
      const all = await parts.training.readReadiness(scopeOfCall(call));
      const domain = chosenDomain(parts, call);
      const asked = all.find((item) => item.domain === domain);
      const { level } = await parts.permission.read(call.workspaceId);
      const permission = level === "adapters" ? [] : ["", describePermission(level)];
      if (domain === undefined || asked === undefined) {
        return { text: [...describeAll(all), ...permission].join("\n") };
      }
      if (call.options.get("mode") === "check" || asked.readiness.light !== "green" || level !== "adapters") {
        const runs = await listNewestRuns(parts, call);
        return { text: [bar(asked), ...describeNext(asked, { level, runs }), ...permission].join("\n") };
      }
      return start(parts, call, domain);
    },
  };
}

/** Checked against the known ones, whose names may be said aloud. */
export function chosenDomain({ domains }: CommandParts, { options }: CommandCall): string | undefined {
  const domain = options.get("domain")?.toLowerCase();
  if (domain !== undefined && !domains.includes(domain)) throw new DomainUnknownError(domain, domains);
  return domain;
}

export function domainOption(description: string, isRequired: boolean): CommandOption {
  return { name: "domain", description, kind: "text", isRequired, isCompleted: true };
}

export function completeDomain({ domains }: CommandParts) {
  return async (_call: CommandCall, _option: string, typed: string): Promise<readonly CommandChoice[]> =>
    domains
      .filter((domain) => domain.startsWith(typed.toLowerCase()))
      .map((domain) => ({ name: domain, value: domain }));
}

async function start(parts: CommandParts, call: CommandCall, domain: string): Promise<CommandReply> {
  const scope = { ...scopeOfCall(call), domain };
  const [before] = await parts.learning.listRuns({ scope, limit: 1 });
  const run = await parts.training.request(scope, call.userId);
  if (run.id === before?.id) return { text: `A run of ${domain} is under way already: ${describeRun(run)}` };
  await recordAct(parts, call, { what: `training.requested ${domain}`, after: run.id });
  return {
    text: `Training of **${domain}** is asked for (run \`${run.id}\`). \`/status ${domain}\` shows how it goes.`,
  };
}

async function drawImage(
  { drawReadiness, log }: CommandParts,
  { domain, readiness }: DomainReadiness,
): Promise<CommandImage | undefined> {
  const title = domain === ALL_DOMAINS ? "all domains" : domain;
  try {
    const png = await drawReadiness(title, readiness);
    const alt = `Readiness of ${title}: ${readiness.criteria.map(({ id, value, threshold }) => `${id} ${round(value)} of ${round(threshold)}`).join(", ")}`;
    return { png, alt, name: "readiness.png" };
  } catch (error) {
    // The bars stand in the text too.
    log.warn({ err: error }, "readiness.not-drawn");
    return undefined;
  }
}

async function describeDomain(
  { learning }: CommandParts,
  call: CommandCall,
  { domain, readiness }: DomainReadiness,
): Promise<string> {
  const service = await learning.getService({ ...scopeOfCall(call), domain });
  const adapter = service?.active === undefined ? undefined : await learning.findAdapter(service.active);
  const answeredBy = adapter === undefined ? "base model" : `${adapter.name}, grade ${adapter.grade}`;
  return `${bar({ domain, readiness })} · ${answeredBy}`;
}

function bar({ domain, readiness }: DomainReadiness): string {
  const percent = Math.floor(readiness.progress * 100);
  const filled = Math.floor(readiness.progress * BAR_CELLS);
  const name = domain === ALL_DOMAINS ? "all domains" : domain;
  return `${LIGHT_EMOJI[readiness.light]} \`${"▓".repeat(filled)}${"░".repeat(BAR_CELLS - filled)}\` ${percent} % **${name}**`;
}

const BAR_CELLS = 10;

function describeAll(all: readonly DomainReadiness[]): readonly string[] {
  return [...all.map(bar), "`/train <domain>` starts one that is ✅; `/train <domain> check` shows what is missing."];
}

interface TrainingState {
  readonly level: LearningLevel;
  /** The newest of each domain. */
  readonly runs: readonly Run[];
}

/** What to do for this domain; nothing where a run is under way, or training is not allowed. */
function describeNext({ domain, readiness }: DomainReadiness, { level, runs }: TrainingState): readonly string[] {
  if (readiness.missing.length > 0) return ["Still missing:", ...readiness.missing.map((advice) => `- ${advice}`)];
  if (domain === ALL_DOMAINS || level !== "adapters") return ["Nothing is missing."];
  const running = runs.find(({ scope, state }) => scope.domain === domain && !hasEnded(state));
  return running === undefined ? [`Ready: \`/train ${domain}\` starts it.`] : [];
}

function describePermission(level: LearningLevel): string {
  const next = level === "adapters" ? "" : ": nothing is trained here until an admin calls `/learning allow adapters`";
  return `Learning permission: \`${level}\`${next}`;
}

async function listNewestRuns({ learning, domains }: CommandParts, call: CommandCall): Promise<readonly Run[]> {
  const lists = await Promise.all(
    domains.map((domain) => learning.listRuns({ scope: { ...scopeOfCall(call), domain }, limit: 1 })),
  );
  return lists.flat();
}

/** Who asked for a run learns here how it ended, too. */
function describeNewestRun(run: Run): string {
  const { id, scope, state, endedAtMs, verdict } = run;
  if (!hasEnded(state)) return `⏳ ${scope.domain}: ${describeRun(run)}`;
  const day = endedAtMs === undefined ? "" : ` on ${new Date(endedAtMs).toISOString().slice(0, 10)}`;
  return `🏁 ${scope.domain}: run \`${id}\` ended${day}: ${state}${verdict === undefined ? "" : `. ${verdict}`}`;
}

function describeRun({ id, state, progress }: Run): string {
  const steps =
    progress === undefined || progress.stepsTotal === 0 ? "" : `, step ${progress.step} of ${progress.stepsTotal}`;
  return `run \`${id}\` is ${state}${steps}`;
}

function round(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
