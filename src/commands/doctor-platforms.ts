import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "#config/schema.ts";
import { type Finding, ok } from "./doctor-finding.ts";
import { testValues } from "./setup-credentials.ts";
import { CHAT_PLATFORMS, NAMES, SETUP_FIELDS, valuesOfCredentials } from "./setup-fields.ts";

type PlatformSettings = Pick<Config, "credentials" | "discord" | "slack">;

/** Credentials of the chat platforms, asked live: who they are, what they may, what is missing. Posts nothing. */
export async function checkPlatforms(
  { credentials, discord, slack }: PlatformSettings,
  programDirectory: string,
): Promise<readonly Finding[]> {
  const values = valuesOfCredentials(credentials);
  const readManifest = () =>
    readFile(join(programDirectory, "config", "slack-manifest.yaml"), "utf8").catch(() => undefined);
  const { tests } = await testValues({ discordApiUrl: discord.apiUrl, slack, readManifest }, values);
  const without = CHAT_PLATFORMS.filter((platform) => tests.every((test) => test.platform !== platform));
  return [
    ...tests.flatMap(({ platform, findings }) => findings.map((finding) => ({ ...finding, name: NAMES[platform] }))),
    ...without.map((platform) => ok(NAMES[platform], `off: ${variablesOf(platform)} not set (\`reactune setup\`)`)),
  ];
}

function variablesOf(platform: string): string {
  return SETUP_FIELDS.filter((field) => field.platform === platform && !field.isOptional)
    .map(({ variable }) => variable)
    .join(", ");
}
