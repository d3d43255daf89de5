import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { readManifestScopes } from "#commands/invite.ts";
import { createProgram } from "#compose/program.ts";
import { readManifest } from "#compose/program-setup.ts";
import {
  DISCORD_TOKEN,
  openPlatformPeer,
  SLACK_APP_TOKEN,
  SLACK_BOT_TOKEN,
} from "../../fixtures/setup/platform-peer.ts";
import { recordingOutput } from "../commands/recording-output.ts";

afterEach(() => {
  process.exitCode = undefined;
});

/** The command line on a folder of its own, with platforms that are peers on this machine. */
async function openBench(env = "") {
  const peer = await openPlatformPeer({ scopes: readManifestScopes(await readManifest()) });
  onTestFinished(() => peer.close());
  const directory = await mkdtemp(join(tmpdir(), "reactune-program-setup-"));
  const envPath = join(directory, "bot.env");
  await writeFile(envPath, env);
  const file = async (name: string, text: string) => {
    await writeFile(join(directory, name), text);
    return join(directory, name);
  };
  const run = async (...words: readonly string[]) => {
    const recorded = recordingOutput();
    const flags = ["--env-file", envPath, "--data", join(directory, "data")];
    const addresses = [`discord.apiUrl=${peer.discordApiUrl}`, `slack.apiUrl=${peer.slackApiUrl}`];
    const settings = addresses.flatMap((setting) => ["--set", setting]);
    const program = createProgram(new Command("reactune").exitOverride(), recorded.output);
    await program.parseAsync(["node", "reactune", ...flags, ...settings, ...words]);
    return recorded;
  };
  return { peer, envPath, file, run };
}

test("setup takes credentials from files for a script, tests them and keeps the rest of the file", async () => {
  const { envPath, file, run } = await openBench("# mine\nLORA_RANK=8\n");
  const files = [
    ["--discord-token-file", await file("discord", `${DISCORD_TOKEN}\n`)],
    ["--slack-bot-token-file", await file("bot", SLACK_BOT_TOKEN)],
    ["--slack-app-token-file", await file("app", SLACK_APP_TOKEN)],
  ].flat();

  const recorded = await run("setup", "--json", ...files);

  const changed = ["DISCORD_TOKEN", "SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"];
  expect(recorded.json()).toMatchObject({ isSaved: true, changed, envPath });
  expect(recorded.text()).not.toContain(DISCORD_TOKEN);
  expect(await readFile(envPath, "utf8")).toBe(
    `# mine\nLORA_RANK=8\nDISCORD_TOKEN=${DISCORD_TOKEN}\nSLACK_BOT_TOKEN=${SLACK_BOT_TOKEN}\nSLACK_APP_TOKEN=${SLACK_APP_TOKEN}\n`,
  );
  expect((await stat(envPath)).mode & 0o777).toBe(0o600);
  expect(process.exitCode).toBeUndefined();
});

test("setup ends with 1 and writes nothing when a platform refuses", async () => {
  const { envPath, file, run } = await openBench();

  const recorded = await run(
    "setup",
    "--yes",
    "--discord-token-file",
    await file("t", DISCORD_TOKEN.replaceAll("s", "t")),
  );

  expect(process.exitCode).toBe(1);
  expect(recorded.text()).toContain("✗ Discord: Discord does not know this token");
  expect(recorded.text()).toContain("Nothing was written");
  expect(await readFile(envPath, "utf8")).toBe("");
});

test("setup mends a credential that keeps the program from starting", async () => {
  const { envPath, file, run } = await openBench("SLACK_BOT_TOKEN=wrong\n");

  await run("setup", "--yes", "--no-test", "--slack-bot-token-file", await file("bot", SLACK_BOT_TOKEN));

  expect(await readFile(envPath, "utf8")).toBe(`SLACK_BOT_TOKEN=${SLACK_BOT_TOKEN}\n`);
});

test("setup says which flag to look at when its file is not there", async () => {
  const { run } = await openBench();

  await expect(run("setup", "--yes", "--slack-app-token-file", "no-such-file")).rejects.toMatchObject({
    message: 'Cannot change setting "SLACK_APP_TOKEN": file "no-such-file" cannot be read',
    hint: "Check the path after --slack-app-token-file",
  });
});

test("invite asks Discord for the application of the token", async () => {
  const { run } = await openBench(`DISCORD_TOKEN=${DISCORD_TOKEN}\n`);

  const recorded = await run("invite", "--json");

  expect(recorded.json().discord).toContain("client_id=223456789012345678");
});

test("invite reads the application from the token when Discord cannot be reached", async () => {
  const { peer, run } = await openBench(`DISCORD_TOKEN=${DISCORD_TOKEN}\n`);
  await peer.close();

  const recorded = await run("invite", "--json");

  expect(recorded.json().discord).toContain("client_id=123456789012345678");
});

test("replay ends with 1 when a line is wrong, and names it", async () => {
  const { file, run } = await openBench();

  const recorded = await run("replay", await file("events.jsonl", '{"kind":"wave"}\n'), "--dry-run");

  expect(process.exitCode).toBe(1);
  expect(recorded.told[0]).toMatch(/^line 1: /);
});
