import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";
import { ConfigInvalidError } from "#core/errors.ts";
import { type Config, configSchema } from "./schema.ts";
import { maskSecret } from "./secrets.ts";
import {
  describeExpected,
  type GivenSetting,
  isKnownKey,
  type SettingSource,
  schemaOf,
  settingKeys,
} from "./settings.ts";
import {
  isSecretInFile,
  parseEnvFile,
  readVariables,
  type VariableSource,
  type Variables,
  variableFor,
} from "./variables.ts";
import { describeUnknownKey, readYaml } from "./yaml-file.ts";

export interface ConfigInputs {
  /** From flags, strongest first to last: the last one wins. `flag` is what the operator typed. */
  readonly argvSettings: readonly { readonly key: string; readonly value: string; readonly flag: string }[];
  /** What a command wants unless the operator says otherwise: stronger than the defaults, weaker than all the rest. */
  readonly presets?: Readonly<Record<string, string>>;
  readonly environment: Variables;
  readonly workingDirectory: string;
  /** Undefined when the file is not there. Throws when it is there and cannot be read. */
  readonly readFile: (path: string) => string | undefined;
  /** Instead of reactune.yaml in the working directory; then it must exist. */
  readonly configFile?: string | undefined;
  /** Instead of .env in the working directory; then it must exist. */
  readonly envFile?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Every setting with its value (secrets masked) and source, in the order of the schema. */
  readonly settings: readonly GivenSetting[];
}

/** The folder of the program: config/default.yaml and config/domains.yaml lie below it. */
export const programDirectory = resolve(fileURLToPath(import.meta.url), "..", "..", "..");

/** Settings whose default is a file that ships with the program. */
const programFiles: readonly string[] = ["assistant.domainsFile", "evaluation.generalPromptsFile"];

/** The checked configuration. Throws ConfigInvalidError with one line per wrong setting. */
export function loadConfig(inputs: ConfigInputs): Config {
  return loadSettings(inputs).config;
}

/** As loadConfig(), with the source of each value. Throws ConfigInvalidError likewise. */
export function loadSettings(inputs: ConfigInputs): LoadedConfig {
  const problems: string[] = [];
  const given = readSources(inputs, problems);
  const chosen = new Map<string, GivenSetting>();
  for (const setting of given) {
    if (isKnownKey(setting.key)) chosen.set(setting.key, coerceText(setting));
    else problems.push(describeUnknownKey(setting.key, setting.source.place));
  }
  const parsed = configSchema.safeParse(toTree(chosen));
  if (!parsed.success) problems.push(...describeIssues(parsed.error, chosen));
  else problems.push(...describeContradictions(parsed.data));
  if (problems.length > 0 || !parsed.success) throw new ConfigInvalidError([...new Set(problems)]);
  return { config: complete(parsed.data, chosen), settings: listSettings(chosen) };
}

/** True when the operator chose this value; false when it is the default. */
export function isChosenByOperator(settings: readonly GivenSetting[], key: string): boolean {
  return settings.some((setting) => setting.key === key && !["default", "preset"].includes(setting.source.kind));
}

/** Weakest first. */
function readSources(inputs: ConfigInputs, problems: string[]): readonly GivenSetting[] {
  const { workingDirectory, readFile } = inputs;
  const settings: GivenSetting[] = [];
  const add = (read: { readonly settings: readonly GivenSetting[]; readonly problems: readonly string[] }) => {
    settings.push(...read.settings);
    problems.push(...read.problems);
  };
  const defaults = readFile(join(programDirectory, "config", "default.yaml"));
  if (defaults === undefined) throw new ConfigInvalidError(["config/default.yaml is missing: install Reactune again"]);
  add(readYaml({ text: defaults, path: "config/default.yaml", directory: workingDirectory, kind: "default" }));

  for (const [key, value] of Object.entries(inputs.presets ?? {})) {
    settings.push({ key, value, source: { kind: "preset", place: "this command", directory: workingDirectory } });
  }
  const file = readOptional(inputs, inputs.configFile, "reactune.yaml", "--config", problems);
  if (file !== undefined) add(readYaml({ ...file, directory: dirname(file.absolute), kind: "file" }));

  const envFile = readOptional(inputs, inputs.envFile, ".env", "--env-file", problems);
  if (envFile !== undefined) add(readVariables(parseEnvFile(envFile.text, envFile.path, workingDirectory), readFile));

  const environment: VariableSource = {
    variables: inputs.environment,
    kind: "environment",
    directory: workingDirectory,
    placeOf: (name) => `environment variable ${name}`,
  };
  add(readVariables(environment, (path) => readFile(resolve(workingDirectory, path))));

  for (const { key, value, flag } of inputs.argvSettings) {
    // Every user of the machine can read a program's arguments.
    if (isSecretInFile(key, value))
      problems.push(`${key}: a secret stands in a flag (${flag}): set ${variableFor(key)} in .env`);
    else settings.push({ key, value, source: { kind: "flag", place: flag, directory: workingDirectory } });
  }
  return settings;
}

function readOptional(
  { workingDirectory, readFile }: ConfigInputs,
  chosen: string | undefined,
  usual: string,
  flag: string,
  problems: string[],
): { readonly text: string; readonly path: string; readonly absolute: string } | undefined {
  const absolute = resolve(workingDirectory, chosen ?? usual);
  let text: string | undefined;
  try {
    text = readFile(absolute);
  } catch (error) {
    // Without it the program would start with other settings than the operator wrote, and without a word of that.
    const why = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    problems.push(`${chosen ?? usual}: the file cannot be read${why}: check whose it is, and that it is a file`);
    return undefined;
  }
  if (text !== undefined) return { text, absolute, path: chosen ?? relative(workingDirectory, absolute) };
  if (chosen !== undefined) problems.push(`${flag}: file "${chosen}" cannot be read: check the path`);
  return undefined;
}

/** Variables and flags are text: read "16" as a number where the setting is one. */
function coerceText(setting: GivenSetting): GivenSetting {
  const { value, source } = setting;
  const schema = schemaOf(setting.key);
  if (typeof value !== "string" || schema === undefined || source.kind === "default" || source.kind === "file")
    return setting;
  if (z.safeParse(schema, value).success) return setting;
  const words = new Map<string, unknown>([
    ["1", true],
    ["yes", true],
    ["on", true],
    ["0", false],
    ["no", false],
    ["off", false],
  ]);
  for (const candidate of [parseScalar(value), words.get(value.toLowerCase())]) {
    if (candidate !== undefined && z.safeParse(schema, candidate).success) return { ...setting, value: candidate };
  }
  return setting;
}

function parseScalar(text: string): unknown {
  try {
    return parse(text.toLowerCase());
  } catch {
    return undefined;
  }
}

/** Nested objects of all sections; the third part of a key (an emoji) may be any name, dots included. */
function toTree(chosen: ReadonlyMap<string, GivenSetting>): Readonly<Record<string, unknown>> {
  const tree = new Map<string, Map<string, unknown>>();
  for (const section of Object.keys(configSchema.shape)) tree.set(section, new Map());
  const emoji: [string, unknown][] = [];
  for (const { key, value } of chosen.values()) {
    const [section = "", name = "", ...rest] = key.split(".");
    if (rest.length > 0) emoji.push([rest.join("."), value]);
    else tree.get(section)?.set(name, value);
  }
  if (!tree.get("feedback")?.has("emoji")) tree.get("feedback")?.set("emoji", Object.fromEntries(emoji));
  return Object.fromEntries([...tree].map(([section, values]) => [section, Object.fromEntries(values)]));
}

function describeIssues(error: z.ZodError, chosen: ReadonlyMap<string, GivenSetting>): readonly string[] {
  return error.issues.map((issue) => {
    const key = issue.path.map(String).join(".");
    const setting = chosen.get(key);
    const expected = describeExpected(key);
    if (setting === undefined) return `${key}: not set anywhere: set ${expected}`;
    const { value, source } = setting;
    const shown = maskSecret(key, value) === undefined ? JSON.stringify(value) : "what is given";
    // YAML reads a bare id as a number, whose last digits are then lost.
    const quotes = isNumber(value) && /\b(text|ids?|words)\b/.test(expected) ? " in quotes" : "";
    const remedy =
      source.kind === "default" ? "mend the file" : `give ${expected}${quotes}, or remove it there to use the default`;
    return `${key}: ${shown} is not ${expected} (${source.place}): ${remedy}`;
  });
}

function isNumber(value: unknown): boolean {
  return Array.isArray(value) ? value.some(isNumber) : typeof value === "number";
}

function describeContradictions(config: z.infer<typeof configSchema>): readonly string[] {
  const problems: string[] = [...describeLogins(config)];
  if (hasBareMark(config.servers.mongodbUri ?? "")) {
    problems.push(
      "servers.mongodbUri: a mark of addresses stands bare in the user or the password: write @ as %40, : as %3A, / as %2F",
    );
  }
  const { replyTokensMax, contextTokens } = config.inference;
  if (replyTokensMax >= contextTokens) {
    problems.push(
      `inference.replyTokensMax: ${replyTokensMax} leaves no room for a question in inference.contextTokens ` +
        `(${contextTokens}): lower the first or raise the second`,
    );
  }
  return problems;
}

/** Otherwise a part of the password would be taken for the host, and told as such. */
function hasBareMark(uri: string): boolean {
  const rest = uri.slice(uri.indexOf("//") + 2);
  const login = rest.slice(0, Math.max(0, rest.lastIndexOf("@")));
  const isInOptions = /\/.*\?/s.test(login);
  return !isInOptions && /[@/]|:.*:/s.test(login);
}

/** Calls of `fetch` take no user and password in an address: such a server could never be reached. */
function describeLogins({ servers, inference, moderation }: z.infer<typeof configSchema>): readonly string[] {
  const addresses = new Map([
    ["servers.ollamaUrl", servers.ollamaUrl],
    ["inference.hosts", inference.hosts.join(",")],
    ["inference.embeddingHost", inference.embeddingHost],
    ["moderation.url", moderation.url],
  ]);
  return [...addresses]
    .filter(([, address]) => address?.includes("@") === true)
    .map(
      ([key]) =>
        `${key}: a user and a secret stand in the address, which cannot be sent: leave them out; the keys of ` +
        "OpenAI-compatible servers stand in INFERENCE_API_KEY and MODERATION_API_KEY, and Ollama has no sign-in",
    );
}

/** Settings that are paths: relative ones start at the file that gives them, or at the working directory. */
function complete(config: z.infer<typeof configSchema>, chosen: ReadonlyMap<string, GivenSetting>): Config {
  const sourceOf = (key: string): SettingSource | undefined => chosen.get(key)?.source;
  const toAbsolute = (key: string, path: string): string => {
    const source = sourceOf(key);
    const isOfProgram = programFiles.includes(key) && source?.kind === "default";
    return isAbsolute(path) ? path : resolve(isOfProgram ? programDirectory : (source?.directory ?? ""), path);
  };
  const { model, adapterDirectory } = config.inference;
  const { python } = config.trainer;
  const { authorityFile } = config.redis;
  const isFile = model !== "default" && !/^(hf|ollama):/.test(model);
  return {
    ...config,
    data: { directory: toAbsolute("data.directory", config.data.directory) },
    assistant: { ...config.assistant, domainsFile: toAbsolute("assistant.domainsFile", config.assistant.domainsFile) },
    evaluation: {
      ...config.evaluation,
      generalPromptsFile: toAbsolute("evaluation.generalPromptsFile", config.evaluation.generalPromptsFile),
    },
    inference: {
      ...config.inference,
      model: isFile ? toAbsolute("inference.model", model) : model,
      ...(adapterDirectory === undefined
        ? {}
        : { adapterDirectory: toAbsolute("inference.adapterDirectory", adapterDirectory) }),
    },
    trainer: python?.includes("/")
      ? { ...config.trainer, python: toAbsolute("trainer.python", python) }
      : config.trainer,
    redis:
      authorityFile === undefined
        ? config.redis
        : { ...config.redis, authorityFile: toAbsolute("redis.authorityFile", authorityFile) },
    feedback: { emoji: new Map(Object.entries(config.feedback.emoji)) },
  };
}

function listSettings(chosen: ReadonlyMap<string, GivenSetting>): readonly GivenSetting[] {
  const order = new Map(settingKeys.map((key, index) => [key, index]));
  const rank = ({ key }: GivenSetting) => order.get(key) ?? order.get("feedback.emoji") ?? 0;
  return [...chosen.values()]
    .sort((left, right) => rank(left) - rank(right))
    .map((setting) => ({ ...setting, value: maskSecret(setting.key, setting.value) ?? setting.value }));
}
