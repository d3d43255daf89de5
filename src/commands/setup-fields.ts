import { expectedForms } from "#config/schema.ts";
import { credentialsSchema } from "#config/secrets.ts";

export type ChatPlatform = "discord" | "slack";
/** As people write them. */
export const NAMES: Readonly<Record<ChatPlatform, string>> = { discord: "Discord", slack: "Slack" };
export const CHAT_PLATFORMS: readonly ChatPlatform[] = ["discord", "slack"];

/** Variables that set-up asks for; nothing else of `.env` is its business. */
export const SETUP_VARIABLES = [
  "DISCORD_TOKEN",
  "SLACK_BOT_TOKEN",
  "SLACK_APP_TOKEN",
  "SLACK_SIGNING_SECRET",
  "SLACK_CLIENT_ID",
  "SLACK_CLIENT_SECRET",
] as const;
export type SetupVariable = (typeof SETUP_VARIABLES)[number];

/** By variable; what is not there is not set. */
export type SetupValues = Readonly<Partial<Record<SetupVariable, string>>>;

export interface SetupField {
  readonly variable: SetupVariable;
  readonly platform: ChatPlatform;
  readonly label: string;
  /** Where to find it. */
  readonly help: string;
  readonly isSecret: boolean;
  /** Only for what not every operator needs. */
  readonly isOptional: boolean;
}

type CredentialKey = keyof typeof credentialsSchema.shape;

const KEYS: Readonly<Record<SetupVariable, CredentialKey>> = {
  DISCORD_TOKEN: "discordToken",
  SLACK_BOT_TOKEN: "slackBotToken",
  SLACK_APP_TOKEN: "slackAppToken",
  SLACK_SIGNING_SECRET: "slackSigningSecret",
  SLACK_CLIENT_ID: "slackClientId",
  SLACK_CLIENT_SECRET: "slackClientSecret",
};

export const SETUP_FIELDS: readonly SetupField[] = [
  {
    variable: "DISCORD_TOKEN",
    platform: "discord",
    label: "Discord bot token",
    help: "Developer portal, your application, Bot, Reset Token",
    isSecret: true,
    isOptional: false,
  },
  {
    variable: "SLACK_BOT_TOKEN",
    platform: "slack",
    label: "Slack bot token",
    help: "Your app, OAuth & Permissions, Bot User OAuth Token (xoxb-...)",
    isSecret: true,
    isOptional: false,
  },
  {
    variable: "SLACK_APP_TOKEN",
    platform: "slack",
    label: "Slack app-level token",
    help: "Your app, Basic Information, App-Level Tokens with connections:write (xapp-...); for Socket Mode",
    isSecret: true,
    isOptional: false,
  },
  {
    variable: "SLACK_SIGNING_SECRET",
    platform: "slack",
    label: "Slack signing secret",
    help: "Your app, Basic Information, Signing Secret; only for the http mode",
    isSecret: true,
    isOptional: true,
  },
  {
    variable: "SLACK_CLIENT_ID",
    platform: "slack",
    label: "Slack client id",
    help: "Your app, Basic Information; only for an app that several workspaces install",
    isSecret: false,
    isOptional: true,
  },
  {
    variable: "SLACK_CLIENT_SECRET",
    platform: "slack",
    label: "Slack client secret",
    help: "Your app, Basic Information; only for an app that several workspaces install",
    isSecret: true,
    isOptional: true,
  },
];

/** Why a value cannot be right; never with a character of it. */
export function describeMisfit(variable: SetupVariable, value: string): string | undefined {
  const key = KEYS[variable];
  if (credentialsSchema.shape[key].safeParse(value).success) return undefined;
  return `${variable} is not ${expectedForms.get(`credentials.${key}`) ?? "of the expected form"}`;
}

/** Of the credentials that a configuration holds, in the names of set-up. */
export function valuesOfCredentials(
  credentials: Readonly<Partial<Record<CredentialKey, string | undefined>>>,
): SetupValues {
  const values: Partial<Record<SetupVariable, string>> = {};
  for (const variable of SETUP_VARIABLES) {
    const value = credentials[KEYS[variable]];
    if (value !== undefined) values[variable] = value;
  }
  return values;
}
