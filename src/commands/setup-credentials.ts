import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { maskSecret } from "#config/secrets.ts";
import type { Variables } from "#config/variables.ts";
import type { Now } from "#core/clock.ts";
import { SettingInvalidError } from "#core/errors.ts";
import type {
  SetupFieldView,
  SetupGiven,
  SetupLinks,
  SetupOutcome,
  SetupParts,
  SetupTest,
} from "#dashboard/setup-records.ts";
import { applicationIdOfToken, createInviteLinks, readManifestScopes } from "./invite.ts";
import { type AnsweringSettings, describeAnswering } from "./setup-answering.ts";
import { testDiscord } from "./setup-discord.ts";
import { readEnvFile, saveEnvFile } from "./setup-env-file.ts";
import {
  CHAT_PLATFORMS,
  type ChatPlatform,
  describeMisfit,
  SETUP_FIELDS,
  SETUP_VARIABLES,
  type SetupValues,
  type SetupVariable,
} from "./setup-fields.ts";
import { testSlack } from "./setup-slack.ts";

export interface SetupContext {
  readonly workingDirectory: string;
  /** The `.env` file; it need not exist. */
  readonly envPath: string;
  /** Variables of the process: stronger than the file. */
  readonly environment: Variables;
  readonly discordApiUrl: string | undefined;
  readonly slack: { readonly apiUrl?: string | undefined; readonly mode: "auto" | "socket" | "http" };
  /** Undefined when the configuration does not load. */
  readonly answering: AnsweringSettings | undefined;
  /** Text of config/slack-manifest.yaml; undefined when it is not there. */
  readonly readManifest: () => Promise<string | undefined>;
  readonly now: Now;
}

/** Reads, tests and writes the credentials of the chat platforms. */
export function openSetup(context: SetupContext): SetupParts {
  return {
    async read() {
      const stored = await readStored(context);
      const fields = SETUP_FIELDS.map((field): SetupFieldView => {
        const found = stored.get(field.variable);
        const shown = found === undefined ? undefined : `${maskSecret("credentials.", found.value)} in ${found.place}`;
        return {
          ...field,
          ...(shown === undefined ? {} : { shown }),
          ...(found?.isFixed === true ? { fixedBy: found.place } : {}),
        };
      });
      const links = await readLinks(context, valuesOf(stored));
      return { envPath: context.envPath, fields, links, answering: describeAnswering(context.answering) };
    },
    async test(given) {
      return (await testValues(context, await mergeGiven(context, given))).tests;
    },
    async save(given): Promise<SetupOutcome> {
      const values = await mergeGiven(context, given);
      const { tests, applicationId } = await testValues(context, values);
      const links = await readLinks(context, values, applicationId);
      const changes = parseGiven(given);
      if (tests.some((test) => test.isRefused && isAbout(changes, test.platform))) {
        return { isSaved: false, changed: [], tests, links };
      }
      const saved = await saveEnvFile(context.envPath, changes, context.now());
      const { changed, backupPath } = saved;
      return { isSaved: true, changed, ...(backupPath === undefined ? {} : { backupPath }), tests, links };
    },
  };
}

/** What was stored before for the other platform may have gone bad since: that keeps nobody from adding this one. */
function isAbout(changes: SetupValues, platform: ChatPlatform): boolean {
  const given = SETUP_FIELDS.filter(({ variable }) => changes[variable] !== undefined);
  return given.length === 0 || given.some((field) => field.platform === platform);
}

/** Writes without asking the platforms, for machines that cannot reach them. Rejects as `save`. */
export async function saveUntested(context: SetupContext, given: SetupGiven): Promise<SetupOutcome> {
  const values = await mergeGiven(context, given);
  const { changed, backupPath } = await saveEnvFile(context.envPath, parseGiven(given), context.now());
  const links = await readLinks(context, values);
  return { isSaved: true, changed, ...(backupPath === undefined ? {} : { backupPath }), tests: [], links };
}

/** Of all platforms that have a value, in parallel. */
export async function testValues(
  context: Pick<SetupContext, "discordApiUrl" | "slack" | "readManifest">,
  values: SetupValues,
): Promise<{ readonly tests: readonly SetupTest[]; readonly applicationId?: string }> {
  let applicationId: string | undefined;
  const testOne = async (platform: ChatPlatform): Promise<SetupTest> => {
    if (platform === "slack") {
      const scopes = readManifestScopes(await context.readManifest());
      return toTest(platform, await testSlack(values, { ...context.slack, scopes }));
    }
    const test = await testDiscord(values.DISCORD_TOKEN ?? "", context.discordApiUrl);
    applicationId = test.applicationId;
    return toTest(platform, test.findings);
  };
  const chosen = CHAT_PLATFORMS.filter((platform) =>
    SETUP_FIELDS.some((field) => field.platform === platform && values[field.variable] !== undefined),
  );
  const tests = await Promise.all(chosen.map(testOne));
  return { tests, ...(applicationId === undefined ? {} : { applicationId }) };
}

function toTest(platform: ChatPlatform, findings: SetupTest["findings"]): SetupTest {
  const plain = findings.map(({ state, found, fix }) => ({ state, found, ...(fix === undefined ? {} : { fix }) }));
  return { platform, isRefused: plain.some(({ state }) => state === "failure"), findings: plain };
}

interface StoredValue {
  readonly value: string;
  readonly place: string;
  /** Given by something that set-up does not write. */
  readonly isFixed: boolean;
}

/** What holds now, by the precedence of the configuration: the file, then the environment. */
async function readStored(context: SetupContext): Promise<ReadonlyMap<SetupVariable, StoredValue>> {
  const file = await readEnvFile(context.envPath);
  const stored = new Map<SetupVariable, StoredValue>();
  const filePlace = relative(context.workingDirectory, context.envPath) || context.envPath;
  for (const [variables, place, isFixed] of [
    [file, filePlace, false],
    [context.environment, "the environment", true],
  ] as const) {
    for (const variable of SETUP_VARIABLES) {
      const value = variables[variable]?.trim() ?? "";
      if (value !== "") stored.set(variable, { value, place, isFixed });
      const path = variables[`${variable}_FILE`]?.trim() ?? "";
      if (path === "") continue;
      const text = await readFile(resolve(context.workingDirectory, path), "utf8").catch(() => "");
      stored.set(variable, { value: text.trim(), place: `the file of ${variable}_FILE`, isFixed: true });
    }
  }
  return stored;
}

function valuesOf(stored: ReadonlyMap<SetupVariable, StoredValue>): SetupValues {
  return Object.fromEntries([...stored].map(([variable, { value }]) => [variable, value]));
}

async function mergeGiven(context: SetupContext, given: SetupGiven): Promise<SetupValues> {
  const stored = await readStored(context);
  const values = parseGiven(given);
  for (const variable of SETUP_VARIABLES) {
    const found = stored.get(variable);
    if (values[variable] === undefined || found?.isFixed !== true || found.value === values[variable]) continue;
    const hint = `Change it there, or remove it there and run \`reactune setup\` again`;
    throw new SettingInvalidError(variable, `${found.place} gives it, which is stronger than .env`, hint);
  }
  return { ...valuesOf(stored), ...values };
}

/** Blank values are left out: they keep what is stored. Throws SettingInvalidError. */
function parseGiven(given: SetupGiven): SetupValues {
  const values: Partial<Record<SetupVariable, string>> = {};
  for (const variable of SETUP_VARIABLES) {
    const value = Object.hasOwn(given, variable) ? (given[variable]?.trim() ?? "") : "";
    if (value === "") continue;
    const misfit = describeMisfit(variable, value);
    if (misfit !== undefined) {
      const help = SETUP_FIELDS.find((field) => field.variable === variable)?.help ?? "";
      throw new SettingInvalidError(variable, misfit, `Copy it again: ${help}`);
    }
    values[variable] = value;
  }
  return values;
}

async function readLinks(context: SetupContext, values: SetupValues, known?: string): Promise<SetupLinks> {
  const applicationId = known ?? applicationIdOfToken(values.DISCORD_TOKEN ?? "");
  return createInviteLinks({ applicationId, manifest: await context.readManifest() });
}
