import { readFileSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { setUp } from "#commands/setup.ts";
import { describeAnswering } from "#commands/setup-answering.ts";
import { openSetup, type SetupContext } from "#commands/setup-credentials.ts";
import { openSetupPrompts } from "#commands/setup-prompts.ts";
import {
  DISCORD_TOKEN,
  openPlatformPeer,
  type PeerState,
  SLACK_APP_TOKEN,
  SLACK_BOT_TOKEN,
} from "../../fixtures/setup/platform-peer.ts";
import { recordingOutput } from "./recording-output.ts";

const MANIFEST = "oauth_config:\n  scopes:\n    bot: [chat:write, reactions:read]\n";
const SECRETS = [DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN];

async function openBench(state: PeerState = {}, environment: SetupContext["environment"] = {}, env?: string) {
  const peer = await openPlatformPeer(state);
  onTestFinished(() => peer.close());
  const workingDirectory = await mkdtemp(join(tmpdir(), "reactune-setup-"));
  const envPath = join(workingDirectory, ".env");
  if (env !== undefined) await writeFile(envPath, env);
  const context: SetupContext = {
    workingDirectory,
    envPath,
    environment,
    discordApiUrl: peer.discordApiUrl,
    slack: { apiUrl: peer.slackApiUrl, mode: "auto" },
    answering: { engine: "auto", preset: "custom", hasHosts: false },
    readManifest: async () => MANIFEST,
    now: () => Date.UTC(2026, 10, 21),
  };
  return { peer, context, setup: openSetup(context), readEnv: () => readFile(envPath, "utf8").catch(() => "") };
}

const wordsOf = (tests: readonly { readonly findings: readonly { readonly found: string }[] }[]) =>
  tests.flatMap(({ findings }) => findings.map(({ found }) => found));

test("save() tests live and writes credentials that both platforms know", async () => {
  const { setup, readEnv } = await openBench();

  const outcome = await setup.save({ DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN });

  expect(wordsOf(outcome.tests)).toEqual([
    'the token is of "teacher" (application "Teacher"), in 2 servers',
    "the Message Content intent is on",
    'the bot token is of "teacher" in workspace "Acme"',
    "all 2 scopes of the manifest are granted",
    "the app-level token opens a socket",
  ]);
  expect(outcome.isSaved).toBe(true);
  expect(await readEnv()).toContain(`DISCORD_TOKEN=${DISCORD_TOKEN}\n`);
  expect(outcome.links.discord).toContain("client_id=223456789012345678");
  expect(JSON.stringify(outcome)).not.toMatch(new RegExp(SECRETS.join("|")));
});

test.each([
  ["a reset token", {}, { DISCORD_TOKEN: DISCORD_TOKEN.replaceAll("s", "t") }, "Discord does not know this token"],
  ["the intent off", { flags: 0 }, { DISCORD_TOKEN }, "the Message Content intent is off"],
  [
    "a foreign bot token",
    {},
    { SLACK_BOT_TOKEN: "xoxb-0000000000-other", SLACK_APP_TOKEN },
    "the bot token: Slack does not know it",
  ],
  [
    "a revoked bot token",
    { slackErrors: { "auth.test": "token_revoked" } },
    { SLACK_BOT_TOKEN, SLACK_APP_TOKEN },
    "the bot token: it was revoked (token_revoked)",
  ],
  [
    "an app token without its scope",
    { slackErrors: { "apps.connections.open": "missing_scope" } },
    { SLACK_BOT_TOKEN, SLACK_APP_TOKEN },
    "the app-level token: it lacks a scope (missing_scope)",
  ],
  [
    "missing scopes",
    { scopes: ["chat:write"] },
    { SLACK_BOT_TOKEN, SLACK_APP_TOKEN },
    "scopes are missing: reactions:read",
  ],
  ["no way for events", {}, { SLACK_BOT_TOKEN }, "neither app-level token nor signing secret is set"],
  ["an app token alone", {}, { SLACK_APP_TOKEN }, "the bot token is missing"],
] as const)("save() writes nothing and says why with %s", async (_, state, given, words) => {
  const { setup, readEnv } = await openBench(state);

  const outcome = await setup.save(given);

  expect(outcome.isSaved).toBe(false);
  expect(wordsOf(outcome.tests).join("; ")).toContain(words);
  expect(await readEnv()).toBe("");
});

test.each([
  [429, "Discord asks for patience"],
  [503, "HTTP 503"],
] as const)("save() writes what it could not test when a platform answers %i", async (status, words) => {
  const { setup, readEnv } = await openBench({ status });

  const outcome = await setup.save({ DISCORD_TOKEN });

  expect(wordsOf(outcome.tests).join("; ")).toContain(words);
  expect([outcome.isSaved, await readEnv()]).toEqual([true, expect.stringContaining("DISCORD_TOKEN=")]);
});

test("test() says that nothing answers when the platform cannot be reached", async () => {
  const { peer, setup } = await openBench();
  await peer.close();

  const tests = await setup.test({ DISCORD_TOKEN });

  expect(wordsOf(tests)).toEqual(["it cannot be tested: the connection failed (ECONNREFUSED)"]);
});

test("save() refuses a value of the wrong form before any call, without repeating it", async () => {
  const { peer, setup } = await openBench();

  const error = await setup.save({ SLACK_BOT_TOKEN: "xapp-hush-hush-hush" }).catch((caught: unknown) => caught);

  expect(String(error)).toContain("SLACK_BOT_TOKEN is not a Slack bot token");
  expect(String(error)).not.toContain("hush");
  expect(peer.asked).toEqual([]);
});

test("save() keeps what is stored when a second run gives something else or nothing", async () => {
  const { setup, readEnv } = await openBench({}, {}, `# mine\nDISCORD_TOKEN=${DISCORD_TOKEN}\nLORA_RANK=8\n`);

  const added = await setup.save({ DISCORD_TOKEN: "", SLACK_BOT_TOKEN, SLACK_APP_TOKEN });
  const text = await readEnv();
  const again = await setup.save({});

  expect(added.changed).toEqual(["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"]);
  expect(text).toContain(`# mine\nDISCORD_TOKEN=${DISCORD_TOKEN}\nLORA_RANK=8\n`);
  expect(again).toMatchObject({ isSaved: true, changed: [] });
  expect(await readEnv()).toBe(text);
});

test("save() adds one platform although what is stored for the other is refused by now, and tells of that", async () => {
  const { setup, readEnv } = await openBench({}, {}, `DISCORD_TOKEN=${DISCORD_TOKEN}x\n`);

  const added = await setup.save({ SLACK_BOT_TOKEN, SLACK_APP_TOKEN });
  const again = await setup.save({});

  expect(added).toMatchObject({ isSaved: true, changed: ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"] });
  expect(added.tests).toMatchObject([
    { platform: "discord", isRefused: true },
    { platform: "slack", isRefused: false },
  ]);
  expect(await readEnv()).toContain(`SLACK_BOT_TOKEN=${SLACK_BOT_TOKEN}`);
  expect(again.isSaved).toBe(false);
});

test("save() refuses to write below a stronger source", async () => {
  const { setup, readEnv } = await openBench({}, { DISCORD_TOKEN: `${DISCORD_TOKEN}x` });

  await expect(setup.save({ DISCORD_TOKEN })).rejects.toThrow("the environment gives it");
  expect(await readEnv()).toBe("");
});

test("read() shows what is set and where, and never a character of it", async () => {
  const { setup } = await openBench({}, { SLACK_BOT_TOKEN }, `DISCORD_TOKEN=${DISCORD_TOKEN}\n`);

  const view = await setup.read();

  const shown = new Map(view.fields.map((field) => [field.variable, field.shown]));
  expect(shown.get("DISCORD_TOKEN")).toBe(`set (${DISCORD_TOKEN.length} characters) in .env`);
  expect(shown.get("SLACK_BOT_TOKEN")).toBe(`set (${SLACK_BOT_TOKEN.length} characters) in the environment`);
  expect(shown.get("SLACK_APP_TOKEN")).toBeUndefined();
  expect(JSON.stringify(view)).not.toMatch(new RegExp(SECRETS.join("|")));
});

test("setUp() prints JSON and nothing else for a script, and writes untested when told to", async () => {
  const { peer, context, setup, readEnv } = await openBench();
  const recorded = recordingOutput();
  const prompts = openSetupPrompts(new PassThrough(), new PassThrough());
  const options = { given: { DISCORD_TOKEN }, isJson: true, isUnattended: true, isTested: false };

  const isDone = await setUp({ setup, context, prompts }, options, recorded.output);

  expect([isDone, peer.asked]).toEqual([true, []]);
  expect(recorded.json()).toMatchObject({ isSaved: true, changed: ["DISCORD_TOKEN"], tests: [] });
  expect(await readEnv()).toContain(DISCORD_TOKEN);
});

test("setUp() asks on a terminal, hides what is typed, shows the test and the invite link", async () => {
  const { context, setup, readEnv } = await openBench();
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const shown = new PassThrough();
  let screen = "";
  shown.setEncoding("utf8").on("data", (text) => {
    screen += text;
  });
  const waitFor = (words: string) => expect.poll(() => screen, { timeout: 5000 }).toContain(words);
  const prompts = openSetupPrompts(input, shown);
  const options = { given: {}, isJson: false, isUnattended: false, isTested: true };

  const done = setUp({ setup, context, prompts }, options, recordingOutput().output);
  await waitFor("Which platforms?");
  input.write(" ");
  input.write("\r");
  await waitFor("Discord bot token");
  input.write(DISCORD_TOKEN);
  input.write("\r");

  expect(await done).toBe(true);
  expect(screen).toContain("the Message Content intent is on");
  expect(screen).toContain("https://discord.com/oauth2/authorize?client_id=223456789012345678");
  expect(screen).toContain("Any other OpenAI-compatible server");
  expect(screen).not.toContain(DISCORD_TOKEN.slice(0, 8));
  expect(await readEnv()).toContain(DISCORD_TOKEN);
});

test("setUp() says in words who answers and how an OpenAI-compatible server would", async () => {
  const { context, setup } = await openBench();
  const recorded = recordingOutput();
  const prompts = openSetupPrompts(new PassThrough(), new PassThrough());
  const options = { given: { DISCORD_TOKEN }, isJson: false, isUnattended: true, isTested: false };

  await setUp({ setup, context, prompts }, options, recorded.output);

  expect(recorded.text()).toContain("Now: this process");
  for (const words of ["inference.engine: openai", "OLLAMA_HOST", "GROQ_API_KEY", "INFERENCE_API_KEY"]) {
    expect(recorded.text()).toContain(words);
  }
});

test.each([
  [{ engine: "auto", preset: "custom", hasHosts: false }, "this process"],
  [{ engine: "auto", preset: "custom", hasHosts: true }, "Ollama"],
  [{ engine: "llama", preset: "custom", hasHosts: true }, "this process"],
  [{ engine: "openai", preset: "groq", hasHosts: false }, "groq (OpenAI-compatible)"],
  [{ engine: "openai", preset: "custom", hasHosts: true }, "an OpenAI-compatible server"],
  [undefined, "not known, since the settings do not load"],
] as const)("read() tells who answers by %o", async (answering, now) => {
  const { context } = await openBench();

  expect((await openSetup({ ...context, answering }).read()).answering.now).toBe(now);
});

test("read() names only settings and variables that there are", () => {
  const words = describeAnswering(undefined)
    .choices.map(({ how }) => how)
    .join(" ");
  const settings = readFileSync("config/default.yaml", "utf8");

  for (const [, name = ""] of words.matchAll(/inference\.(\w+)/g))
    expect(settings).toMatch(new RegExp(`^  #? ?${name}:`, "m"));
  const variables = readFileSync("docs/configuration.md", "utf8");
  for (const [name] of words.matchAll(/[A-Z]+(?:_[A-Z]+)+/g)) expect(variables).toContain(name);
});

test("setUp() changes nothing when the person gives up", async () => {
  const { context, setup, readEnv } = await openBench();
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
  const shown = new PassThrough();
  let screen = "";
  shown.setEncoding("utf8").on("data", (text) => {
    screen += text;
  });
  const options = { given: {}, isJson: false, isUnattended: false, isTested: true };

  const done = setUp({ setup, context, prompts: openSetupPrompts(input, shown) }, options, recordingOutput().output);
  await expect.poll(() => screen).toContain("Which platforms?");
  input.write("\u0003");

  expect(await done).toBe(false);
  expect(screen).toContain("Nothing was changed.");
  expect(await readEnv()).toBe("");
});
