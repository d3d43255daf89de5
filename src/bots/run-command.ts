import type { NewId, Now } from "#core/clock.ts";
import { OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { RateLimiter } from "#store/rate-limiter.ts";
import type { ChatCommand, CommandCall, CommandChoice, CommandReply } from "./chat-command.ts";
import { checkOptions } from "./command-text.ts";
import type { SettingsWatch } from "./place-settings.ts";

/** The commands at work: who may, once each, with checked options; what goes wrong becomes words. Nothing rejects. */
export interface CommandRunner {
  run(call: CommandCall): Promise<CommandReply>;
  complete(call: CommandCall, option: string, typed: string): Promise<readonly CommandChoice[]>;
}

export interface RunnerParts {
  readonly settings: SettingsWatch;
  readonly platforms: PlatformStore;
  readonly people: PeopleStore;
  readonly rateLimiter: RateLimiter;
  readonly now: Now;
  readonly newId: NewId;
  readonly log: Log;
}

/** Of one person in one workspace. */
const CALLS_PER_MINUTE_MAX = 30;
const CHOICES_MAX = 25;
/** Calls whose reply is kept for a second delivery of the same call. */
const RECENT_CALLS_MAX = 500;

export function createCommandRunner(commands: readonly ChatCommand[], parts: RunnerParts): CommandRunner {
  const known = new Map(commands.map((command) => [command.name, command]));
  const find = ({ command, platform }: CommandCall) => {
    const found = known.get(command);
    return found?.platforms?.includes(platform) === false ? undefined : found;
  };
  const recent = new Map<string, Promise<CommandReply>>();
  const marks = createCallMarks(parts);

  return {
    run(call) {
      const key = JSON.stringify([call.platform, call.workspaceId, call.callId]);
      const running = recent.get(key);
      if (running !== undefined) return running;
      const reply = runOnce(parts, marks, find(call), call);
      recent.set(key, reply);
      for (const oldest of recent.keys()) {
        if (recent.size <= RECENT_CALLS_MAX) break;
        recent.delete(oldest);
      }
      return reply;
    },
    async complete(call, option, typed) {
      const command = find(call);
      const isOption =
        command?.options.some(({ name, isCompleted }) => name === option && isCompleted === true) === true;
      if (command?.complete === undefined || !isOption || !mayRun(command, call, parts.settings)) return [];
      try {
        return (await command.complete(call, option, typed)).slice(0, CHOICES_MAX);
      } catch (error) {
        logFailure(parts.log, call, error);
        return [];
      }
    },
  };
}

/**
 * Admin of the workspace of the call: by the platform's word, by a role that the workspace's settings name, or since the local
 * platform is the operator's own machine.
 */
export function isAdminCall(call: CommandCall, settings: SettingsWatch): boolean {
  if (call.isAdmin || call.platform === "local") return true;
  const { adminRoles } = settings.of({ platform: call.platform, workspaceId: call.workspaceId });
  return call.roles.some((role) => adminRoles.includes(role));
}

function mayRun({ access }: ChatCommand, call: CommandCall, settings: SettingsWatch): boolean {
  return access === "everyone" || isAdminCall(call, settings);
}

/** Their words name the operator's machines, which are no business of who chats on a platform, nor of a workspace's admin. */
const OF_SERVERS: ReadonlySet<string> = new Set(["STORE_UNREACHABLE", "REDIS_UNAVAILABLE", "INFERENCE_UNAVAILABLE"]);
const SERVER_AWAY =
  "Something that I need for this does not answer right now. Please try again in a minute; if it stays so, tell who runs me: `reactune doctor` says what it is.";

/** The one place where a failed command is decided. */
async function runOnce(
  parts: RunnerParts,
  marks: CallMarks,
  command: ChatCommand | undefined,
  call: CommandCall,
): Promise<CommandReply> {
  try {
    if (!(await marks.take(call))) return { text: "This call was answered already.", isRepeat: true };
    return await runChecked(parts, command, call);
  } catch (error) {
    logFailure(parts.log, call, error);
    if (error instanceof OperatingError && call.platform !== "local" && OF_SERVERS.has(error.code)) {
      return { text: SERVER_AWAY };
    }
    if (error instanceof OperatingError) return { text: `${error.message}. ${error.hint}` };
    return { text: "Something went wrong on my side. It is in the log; please try again." };
  }
}

async function runChecked(
  parts: RunnerParts,
  command: ChatCommand | undefined,
  call: CommandCall,
): Promise<CommandReply> {
  const key = `command:${call.workspaceId}:${call.userId}`;
  const taken = await parts.rateLimiter.take(key, CALLS_PER_MINUTE_MAX, 60_000, parts.now());
  if (!taken.isAllowed) {
    return { text: `That was a lot at once. Please try again in ${Math.ceil(taken.retryAfterMs / 1000)} seconds.` };
  }
  if (command === undefined)
    return { text: `There is no command "${call.command}" here. \`/help\` lists what there is.` };
  if (!mayRun(command, call, parts.settings)) {
    await recordRefusal(parts, call);
    return { text: `Only admins of this workspace may use \`/${call.command}\`.` };
  }
  const checked = checkOptions(command, call.options);
  if ("problem" in checked) return { text: checked.problem };
  const reply = await command.run({ ...call, options: checked.options });
  parts.log.info({ command: call.command, platform: call.platform, workspaceId: call.workspaceId }, "command.run");
  return reply;
}

async function recordRefusal(
  parts: RunnerParts,
  { command, workspaceId, platform, userId }: CommandCall,
): Promise<void> {
  const [id, atMs] = [parts.newId(), parts.now()];
  await parts.people.appendAudit({ id, atMs, who: userId, what: `command.refused /${command}`, workspaceId });
  parts.log.warn({ command, platform, workspaceId, userId }, "command.refused");
}

/** Where it failed and what kind of failure it is. A bug's message may quote what somebody wrote, so it is left out. */
function logFailure(log: Log, { command, platform, workspaceId }: CommandCall, error: unknown): void {
  const call = { command, platform, workspaceId };
  if (error instanceof OperatingError) {
    log.warn({ ...call, code: error.code }, "command.failed");
    return;
  }
  const frames = error instanceof Error ? (error.stack ?? "").split("\n").filter((line) => /^\s+at /u.test(line)) : [];
  log.error(
    { ...call, error: error instanceof Error ? error.name : typeof error, at: frames.slice(0, 8) },
    "command.crashed",
  );
}

interface CallMarks {
  /** False when this call was taken before, here or in another process. */
  take(call: CommandCall): Promise<boolean>;
}

const DAY_MS = 86_400_000;
/** A platform delivers again within minutes, never after that. */
const DELIVERED_AGAIN_MS = 600_000;

/** Marks are kept by day, so that those of days gone by can be forgotten. */
function createCallMarks({ platforms, now }: RunnerParts): CallMarks {
  let tidiedDay = 0;
  return {
    async take({ callId, workspaceId }) {
      const nowMs = now();
      const day = Math.floor(nowMs / DAY_MS);
      if (tidiedDay !== day) {
        tidiedDay = day;
        for (const ago of [2, 3, 4, 5, 6, 7, 8]) await platforms.clearMarks(`command:${day - ago} `);
      }
      // Just after midnight the first delivery may bear the mark of the day before.
      const days = nowMs % DAY_MS < DELIVERED_AGAIN_MS ? [day - 1, day] : [day];
      for (const marked of days) {
        if (!(await platforms.takeMark(`command:${marked} ${workspaceId} ${callId}`, nowMs))) return false;
      }
      return true;
    },
  };
}
