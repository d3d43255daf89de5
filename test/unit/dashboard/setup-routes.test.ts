import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSetup } from "#commands/setup-credentials.ts";
import { createDashboard } from "#dashboard/dashboard.ts";
import type { SetupParts } from "#dashboard/setup-records.ts";
import { isLoopback } from "#dashboard/setup-routes.ts";
import { apiClient, sendRaw } from "../../fixtures/dashboard/api-client.ts";
import { openWorld } from "../../fixtures/dashboard/open-world.ts";
import {
  DISCORD_TOKEN,
  openPlatformPeer,
  SLACK_APP_TOKEN,
  SLACK_BOT_TOKEN,
} from "../../fixtures/setup/platform-peer.ts";

async function openPair() {
  const peer = await openPlatformPeer();
  const workingDirectory = await mkdtemp(join(tmpdir(), "reactune-web-setup-"));
  const envPath = join(workingDirectory, ".env");
  const setup = openSetup({
    workingDirectory,
    envPath,
    environment: {},
    discordApiUrl: peer.discordApiUrl,
    slack: { apiUrl: peer.slackApiUrl, mode: "auto" },
    answering: { engine: "auto", preset: "custom", hasHosts: false },
    readManifest: async () => undefined,
    now: Date.now,
  });
  const { url, close } = await openServer(setup);
  onTestFinished(async () => {
    await close();
    await peer.close();
  });
  return { url, ana: apiClient(url), envPath, peer };
}

async function openServer(setup: SetupParts | undefined) {
  const world = await openWorld();
  const parts = setup === undefined ? world.parts : { ...world.parts, setup };
  const listening = await createDashboard(parts).listen("127.0.0.1", 0);
  return {
    url: listening.url,
    async close() {
      await listening.close();
      await world.close();
    },
  };
}

test("GET /api/setup tells what is set and where to find it, and no answer ever holds a stored credential", async () => {
  const { ana, envPath } = await openPair();
  await writeFile(envPath, `DISCORD_TOKEN=${DISCORD_TOKEN}\n`);

  const read = await ana.get("/api/setup");
  const tested = await ana.post("/api/setup/test", { values: {} });
  const saved = await ana.put("/api/setup", { values: { SLACK_BOT_TOKEN, SLACK_APP_TOKEN } });

  expect(read.body.fields[0]).toMatchObject({
    variable: "DISCORD_TOKEN",
    shown: `set (${DISCORD_TOKEN.length} characters) in .env`,
  });
  expect(tested.body.tests[0]).toMatchObject({ platform: "discord", isRefused: false });
  expect(saved.body).toMatchObject({ isSaved: true, changed: ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"] });
  const said = JSON.stringify([read.body, tested.body, saved.body]);
  for (const secret of [DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN]) expect(said).not.toContain(secret);
  expect(await readFile(envPath, "utf8")).toContain(`SLACK_BOT_TOKEN=${SLACK_BOT_TOKEN}`);
});

test("PUT /api/setup writes nothing when the platform refuses, or when a value cannot be right", async () => {
  const { ana, envPath } = await openPair();

  const refused = await ana.put("/api/setup", { values: { DISCORD_TOKEN: DISCORD_TOKEN.replaceAll("s", "t") } });
  const misfit = await ana.put("/api/setup", { values: { DISCORD_TOKEN: "hush-hush" } });

  expect(refused.body).toMatchObject({ isSaved: false, changed: [] });
  expect([misfit.status, misfit.body.code]).toEqual([422, "SETTING_INVALID"]);
  expect(JSON.stringify(misfit.body)).not.toContain("hush");
  await expect(readFile(envPath)).rejects.toThrow("ENOENT");
});

test.each([
  ["an unknown variable", { values: { PATH: "/tmp" } }],
  ["a value that is no text", { values: { DISCORD_TOKEN: 7 } }],
  ["an endless value", { values: { DISCORD_TOKEN: "x".repeat(5000) } }],
  ["another shape", { DISCORD_TOKEN }],
] as const)("PUT /api/setup refuses %s", async (_, body) => {
  const { ana, peer } = await openPair();

  expect((await ana.put("/api/setup", body)).status).toBe(400);
  expect(peer.asked).toEqual([]);
});

test("PUT /api/setup refuses a page of another site", async () => {
  const { url, envPath } = await openPair();
  const body = JSON.stringify({ values: { DISCORD_TOKEN } });

  const answer = await sendRaw(url, "PUT", "/api/setup", { body, headers: { origin: "http://evil.example" } });

  expect(answer.status).toBe(403);
  await expect(readFile(envPath)).rejects.toThrow("ENOENT");
});

test("GET /api/setup is not there when the program gives no set-up", async () => {
  const { url, close } = await openServer(undefined);
  onTestFinished(close);

  expect((await apiClient(url).get("/api/setup")).status).toBe(404);
});

/** An address of this machine that other computers could use too. */
const outer = Object.values(networkInterfaces())
  .flat()
  .find((item) => item?.family === "IPv4" && !item.internal)?.address;

test.runIf(outer !== undefined)("set-up and replay refuse a connection that is not from this computer", async () => {
  const world = await openWorld();
  const setup: SetupParts = { read: refuse, test: refuse, save: refuse };
  const listening = await createDashboard({ ...world.parts, setup, intakeOf: () => undefined }).listen("0.0.0.0", 0);
  onTestFinished(async () => {
    await listening.close();
    await world.close();
  });
  const url = listening.url.replace("127.0.0.1", outer ?? "");
  const headers = { host: "chat.example" };

  const answers = await Promise.all([
    sendRaw(url, "GET", "/api/setup", { headers }),
    sendRaw(url, "PUT", "/api/setup", { headers, body: JSON.stringify({ values: { DISCORD_TOKEN } }) }),
    sendRaw(url, "POST", "/api/setup/test", { headers, body: JSON.stringify({ values: {} }) }),
    sendRaw(url, "POST", "/api/replay", { headers, body: JSON.stringify({ events: [] }) }),
    sendRaw(url, "GET", "/api/state", { headers }),
  ]);

  expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
    ...Array.from({ length: 4 }, () => [403, "LOOPBACK_REQUIRED"]),
    [200, undefined],
  ]);
});

test.each([
  ["asked for by another name", { host: "chat.example" }],
  ["passed on by a proxy", { "x-forwarded-for": "10.0.0.7" }],
] as const)("GET /api/setup refuses a request %s", async (_, headers) => {
  const { url } = await openPair();

  const { status, body } = await sendRaw(url, "GET", "/api/setup", { headers });

  expect([status, body.code]).toEqual([403, "LOOPBACK_REQUIRED"]);
});

async function refuse(): Promise<never> {
  throw new Error("Cannot be asked: the request came from elsewhere");
}

test("isLoopback() knows this computer by its address, and nobody else", () => {
  expect(["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"].filter(isLoopback)).toHaveLength(4);
  expect(["", "10.0.0.1", "::ffff:10.0.0.1", "127.0.0.1.evil", "fe80::1", "0.0.0.0"].filter(isLoopback)).toEqual([]);
});
