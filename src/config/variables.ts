import { parseEnv } from "node:util";
import { carriesPassword } from "./secrets.ts";
import { findNearest, type GivenSetting, isKnownKey, type SettingSource, settingKeys } from "./settings.ts";

export type Variables = Readonly<Record<string, string | undefined>>;

/** Variables with names of their own, and the settings they stand for. */
export const namedVariables: ReadonlyMap<string, string> = new Map([
  ["DISCORD_TOKEN", "credentials.discordToken"],
  ["SLACK_BOT_TOKEN", "credentials.slackBotToken"],
  ["SLACK_APP_TOKEN", "credentials.slackAppToken"],
  ["SLACK_SIGNING_SECRET", "credentials.slackSigningSecret"],
  ["SLACK_CLIENT_ID", "credentials.slackClientId"],
  ["SLACK_CLIENT_SECRET", "credentials.slackClientSecret"],
  ["REACTUNE_ENCRYPTION_KEY", "credentials.encryptionKey"],
  ["MODERATION_API_KEY", "credentials.moderationKey"],
  ["INFERENCE_API_KEY", "credentials.inferenceKey"],
  ["OPENAI_API_KEY", "credentials.openaiKey"],
  ["GROQ_API_KEY", "credentials.groqKey"],
  ["TOGETHER_API_KEY", "credentials.togetherKey"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "operations.tracesUrl"],
  ["OLLAMA_HOST", "servers.ollamaUrl"],
  ["MONGODB_URI", "servers.mongodbUri"],
  ["REDIS_URL", "servers.redisUrl"],
  ["ENABLE_FINE_TUNING", "trainer.enabled"],
  ["MIN_EXAMPLES_PER_DOMAIN", "readiness.examplesMin"],
  ["TRAINING_DATA_DAYS", "dataset.days"],
  ["AUTO_TRAINING_INTERVAL", "trainer.intervalDays"],
  ["LORA_RANK", "trainer.rank"],
  ["LORA_ALPHA", "trainer.alpha"],
  ["TRAINING_EPOCHS", "trainer.epochs"],
  ["LEARNING_RATE", "trainer.learningRate"],
  ["CACHE_TTL", "cache.ttlSeconds"],
]);

/** Settings that `<VARIABLE>_FILE` may give: the file's text without its last line break. */
const secretVariables: ReadonlyMap<string, string> = new Map(
  [...namedVariables].filter(([, key]) => key.startsWith("credentials.") || key.startsWith("servers.")),
);

/** `REACTUNE_TRAINER__LEARNING_RATE` for trainer.learningRate. */
export const variableOf: ReadonlyMap<string, string> = new Map(
  settingKeys
    .filter((key) => key !== "feedback.emoji")
    .map((key) => {
      const [section = "", name = ""] = key.split(".");
      return [key, `REACTUNE_${toUpperSnake(section)}__${toUpperSnake(name)}`];
    }),
);

const keyOfVariable: ReadonlyMap<string, string> = new Map([
  ...[...variableOf].map(([key, variable]) => [variable, key] as const),
  ...namedVariables,
]);

export interface VariableSource {
  readonly variables: Variables;
  readonly kind: "env-file" | "environment";
  /** Where relative paths start, and what `_FILE` variables are read below. */
  readonly directory: string;
  /** Where to change a variable. */
  placeOf(name: string): string;
}

export interface ReadVariables {
  readonly settings: readonly GivenSetting[];
  readonly problems: readonly string[];
}

/** An empty variable counts as unset, because compose files and .env templates write them so. */
export function readVariables(from: VariableSource, readFile: (path: string) => string | undefined): ReadVariables {
  const settings: GivenSetting[] = [];
  const problems: string[] = [];
  for (const [name, value] of Object.entries(from.variables)) {
    if (value === undefined || value.trim() === "") continue;
    const source: SettingSource = { kind: from.kind, place: from.placeOf(name), directory: from.directory };
    const secretKey = name.endsWith("_FILE") ? secretVariables.get(name.slice(0, -"_FILE".length)) : undefined;
    if (secretKey !== undefined) {
      const problem = readSecretFile(name, value, from, readFile);
      if ("problem" in problem) problems.push(problem.problem);
      else settings.push({ key: secretKey, value: problem.text, source });
      continue;
    }
    const key = keyOfVariable.get(name);
    if (key !== undefined) settings.push({ key, value: value.trim(), source });
    else problems.push(...describeUnknown(name, from));
  }
  return { settings, problems };
}

/** Values and lines of a `.env` file. */
export function parseEnvFile(text: string, path: string, directory: string): VariableSource {
  const lines = text.split(/\r?\n/);
  return {
    variables: parseEnv(text),
    kind: "env-file",
    directory,
    placeOf: (name) => {
      const index = lines.findLastIndex(
        (line) =>
          line
            .replace(/^\s*(export\s+)?/, "")
            .split("=")[0]
            ?.trim() === name,
      );
      return index < 0 ? path : `${path}:${index + 1}`;
    },
  };
}

function readSecretFile(
  name: string,
  path: string,
  from: VariableSource,
  readFile: (path: string) => string | undefined,
): { readonly text: string } | { readonly problem: string } {
  const setting = name.slice(0, -"_FILE".length);
  const direct = from.variables[setting];
  if (direct !== undefined && direct.trim() !== "") {
    return { problem: `${name} and ${setting} are both set (${from.placeOf(name)}): keep one of them` };
  }
  let text: string | undefined;
  try {
    text = readFile(path);
  } catch {
    text = undefined; // as one that is not there: the remedy names the file
  }
  if (text === undefined) {
    return {
      problem: `${name}: file "${path}" cannot be read (${from.placeOf(name)}): create it, check whose it is, or unset ${name}`,
    };
  }
  return { text: text.trim() };
}

/** Foreign variables are nobody's business; a name that can only be a misspelt one of ours is an error. */
function describeUnknown(name: string, from: VariableSource): readonly string[] {
  const isOurs = /^REACTUNE_[A-Z0-9]+_?__/.test(name);
  const nearest = findNearest(name, keyOfVariable.keys());
  if (!isOurs && (from.kind === "environment" || nearest === undefined)) return [];
  const advice = nearest === undefined ? "see `reactune config show` for the names" : `did you mean ${nearest}?`;
  return [`${name}: there is no such variable (${from.placeOf(name)}): ${advice}`];
}

/** True for a value that must not stand in a file of settings. */
export function isSecretInFile(key: string, value: unknown): boolean {
  return key.startsWith("credentials.") || carriesPassword(key, value);
}

/** The variable that an operator sets for a key: the short name where there is one. */
export function variableFor(key: string): string | undefined {
  for (const [name, named] of namedVariables) if (named === key) return name;
  return isKnownKey(key) ? variableOf.get(key) : undefined;
}

function toUpperSnake(camelCase: string): string {
  return camelCase.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}
