import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { doctor, formatDoctorReport } from "#commands/doctor.ts";
import { checkData, checkModel } from "#commands/doctor-files.ts";
import { checkNode, checkNpmPackages, checkPort } from "#commands/doctor-machine.ts";
import { checkPlatforms } from "#commands/doctor-platforms.ts";
import { checkTraining } from "#commands/doctor-python.ts";
import { checkServers } from "#commands/doctor-servers.ts";
import { loadSettings, programDirectory } from "#config/load.ts";
import { ConfigInvalidError, RedisUnavailableError } from "#core/errors.ts";
import {
  DISCORD_TOKEN,
  openPlatformPeer,
  type PeerState,
  SLACK_APP_TOKEN,
  SLACK_BOT_TOKEN,
} from "../../fixtures/setup/platform-peer.ts";

const opens = async () => {};
const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function temporaryFolder(files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "reactune-doctor-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

/** A server on a free port of this machine; resolves with the port. */
async function listen(server: Server = createServer()): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

function settingsFor(directory: string, values: Readonly<Record<string, string>> = {}) {
  return loadSettings({
    argvSettings: Object.entries({
      "data.directory": directory,
      "web.port": "0",
      "trainer.enabled": "false",
      ...values,
    }).map(([key, value]) => ({ key, value, flag: "--set" })),
    environment: {},
    workingDirectory: directory,
    readFile: (path) => (path.startsWith(programDirectory) ? readFileSync(path, "utf8") : undefined),
  });
}

describe("doctor()", () => {
  test("doctor() reports every problem and checks the rest when the configuration is wrong", async () => {
    const config = new ConfigInvalidError([
      "trainer.rank: 0 is not a whole number",
      "web.prot: there is no such setting",
    ]);

    const report = await doctor({ programDirectory, config, openDatabase: opens });

    expect(report.isHealthy).toBe(false);
    expect(report.findings.filter(({ name }) => name === "Settings").map(({ found }) => found)).toEqual(
      config.problems,
    );
    expect(report.findings.find(({ name }) => name === "Node.js")?.state).toBe("ok");
  });

  test("doctor() tells what the operator set and where when the configuration is right", async () => {
    const directory = temporaryFolder();

    const report = await doctor({ programDirectory, config: settingsFor(directory), openDatabase: opens });

    expect(report.findings.find(({ name }) => name === "Settings")?.found).toContain("web.port = 0 (--set)");
    expect(report.findings.find(({ name }) => name === "Data")?.state).toBe("ok");
    expect(report.findings.every(({ state, fix }) => (state === "ok") === (fix === undefined))).toBe(true);
  });

  test("doctor() turns a check that breaks into a failure when the program is incomplete", async () => {
    const report = await doctor({
      programDirectory: temporaryFolder(),
      config: settingsFor(temporaryFolder()),
      openDatabase: opens,
    });

    expect(report.isHealthy).toBe(false);
    expect(report.findings.find(({ name }) => name === "npm packages")).toMatchObject({ state: "failure" });
  });

  test("formatDoctorReport() prints each fix below its finding when there is one", () => {
    const lines = formatDoctorReport({
      isHealthy: false,
      findings: [
        { name: "Disk", state: "ok", found: "9 GB free" },
        { name: "Port", state: "failure", found: "taken", fix: "Set web.port" },
      ],
    });

    expect(lines).toEqual([
      "✓ Disk  9 GB free",
      "✗ Port  taken",
      "        -> Set web.port",
      "",
      "1 fine, 0 warnings, 1 failures",
    ]);
  });
});

describe("checkNode()", () => {
  test.each([
    ["20.19.0", "ok"],
    ["24.1.0", "ok"],
    ["20.18.9", "failure"],
    ["18.20.0", "failure"],
  ])("checkNode() judges %s as %s when asked", (version, state) => {
    expect(checkNode(version).state).toBe(state);
  });
});

describe("checkNpmPackages()", () => {
  test("checkNpmPackages() names what is missing or another version when node_modules is not as pinned", async () => {
    const directory = temporaryFolder({
      "package.json": '{"version":"1.0.0","dependencies":{"zod":"4.6.7","yaml":"2.9.1","hono":"4.0.0"}}',
      "node_modules/zod/package.json": '{"version":"4.6.7"}',
      "node_modules/yaml/package.json": '{"version":"1.0.0"}',
    });

    const finding = await checkNpmPackages(directory);

    expect(finding).toMatchObject({ state: "failure", found: "yaml is 1.0.0, not 2.9.1, hono is missing, not 4.0.0" });
  });
});

describe("checkPort()", () => {
  const web = (port: number) => ({ enabled: true, host: "127.0.0.1", port });

  test("checkPort() fails when the operator's port is taken", async () => {
    expect(await checkPort(web(await listen()), true)).toMatchObject({
      state: "failure",
      fix: expect.stringContaining("web.port"),
    });
  });

  test("checkPort() only warns when the default port is taken, since the next one is used", async () => {
    expect((await checkPort(web(await listen()), false)).state).toBe("warning");
  });

  test("checkPort() fails when the address is not this machine's", async () => {
    expect(await checkPort({ ...web(8787), host: "192.0.2.1" }, false)).toMatchObject({ state: "failure" });
  });
});

describe("checkModel()", () => {
  const assetFile = "scripts/setup/model-asset.json";
  const asset = JSON.stringify({ members: [{ to: "models/m.gguf", sha256: "0".repeat(64) }] });

  test("checkModel() warns of the stand-in when the default model is not there", async () => {
    expect(await checkModel(temporaryFolder({ [assetFile]: asset }), "default")).toMatchObject({ state: "warning" });
  });

  test("checkModel() fails when the default model's bytes are not the published ones", async () => {
    const directory = temporaryFolder({ [assetFile]: asset, ".assets/models/m.gguf": "GGUF but other" });

    expect(await checkModel(directory, "default")).toMatchObject({
      state: "failure",
      found: expect.stringContaining("SHA-256"),
    });
  });

  test.each(["", "GGU", "PK\u0003\u0004 zip"])(
    "checkModel() fails when the operator's file begins with %j",
    async (text) => {
      const path = join(temporaryFolder({ "m.gguf": text }), "m.gguf");

      expect(await checkModel(programDirectory, path)).toMatchObject({
        state: "failure",
        found: expect.stringContaining("not a GGUF"),
      });
    },
  );
});

describe("checkData()", () => {
  test("checkData() leaves nothing behind when there is no database yet", async () => {
    const parent = temporaryFolder();

    const finding = await checkData({ directory: join(parent, "data") }, async (path) => writeFileSync(path, "x"));

    expect(finding.state).toBe("ok");
    expect(readdirSync(parent)).toEqual([]);
  });

  test("checkData() fails when the folder cannot be made", async () => {
    const file = join(temporaryFolder({ file: "" }), "file");

    expect(await checkData({ directory: join(file, "data") }, opens)).toMatchObject({
      state: "failure",
      fix: expect.stringContaining("data.directory"),
    });
  });

  test("checkData() fails and keeps the file when the database does not open", async () => {
    const directory = temporaryFolder({ "reactune.db": "damaged" });

    const finding = await checkData({ directory }, () => Promise.reject(new Error("file is not a database")));

    expect(finding).toMatchObject({ state: "failure", found: expect.stringContaining("not a database") });
    expect(readFileSync(join(directory, "reactune.db"), "utf8")).toBe("damaged");
  });
});

describe("checkTraining()", () => {
  const trainer = settingsFor(tmpdir(), { "trainer.enabled": "true" }).config.trainer;
  const lock = {
    "src/trainer/python/requirements.lock": "# pins\nmlx==0.32.4\nnumpy==2.0.0 ; sys_platform == 'darwin'\n",
  };

  /** A stand-in for Python that prints `answer` whatever it is asked. */
  function programWithPython(answer: string, exitCode = 0): string {
    const directory = temporaryFolder({
      ...lock,
      ".assets/python/bin/python": `#!/bin/sh\necho '${answer}'\nexit ${exitCode}\n`,
    });
    chmodSync(join(directory, ".assets", "python", "bin", "python"), 0o755);
    return directory;
  }
  const check = (directory: string, setup?: Parameters<typeof checkTraining>[0]["setup"]) =>
    checkTraining({ programDirectory: directory, trainer, setup });

  test("checkTraining() warns that it is being prepared when set-up still runs", async () => {
    const setup = { state: "preparing", message: "installing", hint: "", pid: 1 } as const;

    expect(await check(temporaryFolder(lock), setup)).toMatchObject([{ state: "warning", found: "installing" }]);
  });

  test("checkTraining() repeats set-up's reason when that failed", async () => {
    const setup = {
      state: "failed",
      message: "venv is missing",
      hint: "sudo apt install python3-venv",
      pid: 1,
    } as const;

    expect(await check(temporaryFolder(lock), setup)).toMatchObject([
      { state: "failure", fix: "sudo apt install python3-venv" },
    ]);
  });

  test("checkTraining() fails when Python is too old", async () => {
    const findings = await check(programWithPython('{"version":[3,9,2],"packages":{}}'));

    expect(findings).toMatchObject([{ name: "Python", state: "failure", found: expect.stringContaining("3.9.2") }]);
  });

  test("checkTraining() names the packages when they are missing or not as pinned", async () => {
    const findings = await check(programWithPython('{"version":[3,11,2],"packages":{"numpy":"1.0"}}'));

    expect(findings.map(({ state, found }) => [state, found])).toEqual([
      ["ok", expect.stringContaining("3.11.2")],
      ["failure", "mlx is missing, not 0.32.4"],
    ]);
  });

  test.each(["no JSON at all", ""])("checkTraining() fails when Python prints %j", async (answer) => {
    expect(await check(programWithPython(answer))).toMatchObject([{ state: "failure" }]);
  });

  test("checkTraining() asks nothing when training is switched off", async () => {
    const findings = await checkTraining({
      programDirectory: "/nowhere",
      trainer: { ...trainer, enabled: false },
      setup: undefined,
    });

    expect(findings).toMatchObject([{ state: "ok" }]);
  });
});

describe("checkServers()", () => {
  test("checkServers() says that one answers when something listens there", async () => {
    const port = await listen();

    expect(await checkServers({ mongodbUri: `mongodb://me:word@127.0.0.1:${port},other:1/db` })).toMatchObject([
      { name: "MongoDB", found: expect.stringContaining(`127.0.0.1:${port} answers`) },
    ]);
  });

  test("checkServers() warns and hides the password when nothing listens there", async () => {
    const port = await listen();
    for (const close of closers.splice(0)) close();

    const [finding] = await checkServers({ redisUrl: `redis://me:word@127.0.0.1:${port}` });

    expect(finding).toMatchObject({ state: "warning", found: expect.stringContaining("does not answer") });
    expect(JSON.stringify(finding)).not.toContain("word");
  });

  test("checkServers() lets a server that answers be asked what it lacks, and tells each with its fix", async () => {
    const redisUrl = `redis://me:word@127.0.0.1:${await listen()}`;
    const asked: string[] = [];
    const inspect = async (address: string) => {
      asked.push(address);
      return { found: "Redis 7", problems: [] };
    };
    expect(await checkServers({ redisUrl }, { redisUrl: inspect })).toEqual([
      { name: "Redis", state: "ok", found: "Redis 7" },
    ]);
    expect(asked).toEqual([redisUrl]);

    const problems = [
      { found: "it forgets", fix: "Set a" },
      { found: "it is old", fix: "Set b" },
    ];
    const findings = await checkServers({ redisUrl }, { redisUrl: async () => ({ found: "Redis 5", problems }) });
    expect(findings.map(({ state, found, fix }) => [state, found, fix])).toEqual([
      ["warning", "Redis 5; it forgets", "Set a"],
      ["warning", "Redis 5; it is old", "Set b"],
    ]);
  });

  test("checkServers() warns when a server answers and does not let us in", async () => {
    const redisUrl = `redis://127.0.0.1:${await listen()}`;
    const inspect = async () => {
      throw new RedisUnavailableError("one:1", "WRONGPASS");
    };

    const [finding] = await checkServers({ redisUrl }, { redisUrl: inspect });
    expect(finding).toMatchObject({ state: "warning", found: expect.stringContaining("WRONGPASS") });
  });

  test("checkServers() looks for nothing when nothing is configured", async () => {
    expect(await checkServers({})).toEqual([]);
  });
});

describe("checkPlatforms()", () => {
  const MANIFEST = "oauth_config:\n  scopes:\n    bot: [chat:write, reactions:read]\n";

  async function check(state: PeerState, values: Readonly<Record<string, string>>) {
    const peer = await openPlatformPeer(state);
    closers.push(() => void peer.close());
    const directory = temporaryFolder({ "config/slack-manifest.yaml": MANIFEST });
    const { config } = loadSettings({
      argvSettings: [],
      environment: {
        ...values,
        REACTUNE_DISCORD__API_URL: peer.discordApiUrl,
        REACTUNE_SLACK__API_URL: peer.slackApiUrl,
      },
      workingDirectory: directory,
      readFile: (path) => (path.startsWith(directory) ? undefined : readFileSync(path, "utf8")),
    });
    const findings = await checkPlatforms(config, directory);
    return { peer, findings, words: findings.map(({ name, state, found }) => `${name} ${state}: ${found}`) };
  }

  test("checkPlatforms() asks nobody and says what is not set when there are no credentials", async () => {
    const { peer, words } = await check({}, {});

    expect(words).toEqual([
      "Discord ok: off: DISCORD_TOKEN not set (`reactune setup`)",
      "Slack ok: off: SLACK_BOT_TOKEN, SLACK_APP_TOKEN not set (`reactune setup`)",
    ]);
    expect(peer.asked).toEqual([]);
  });

  test("checkPlatforms() tells name, servers, intent, scopes and socket, without showing a credential", async () => {
    const { findings, words } = await check({ servers: 3 }, { DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN });

    expect(words).toEqual([
      'Discord ok: the token is of "teacher" (application "Teacher"), in 3 servers',
      "Discord ok: the Message Content intent is on",
      'Slack ok: the bot token is of "teacher" in workspace "Acme"',
      "Slack ok: all 2 scopes of the manifest are granted",
      "Slack ok: the app-level token opens a socket",
    ]);
    expect(JSON.stringify(findings)).not.toContain("secret");
  });

  test("checkPlatforms() fails with a fix when the intent is off and a scope is missing", async () => {
    const state = { flags: 0, scopes: ["chat:write"] };

    const { findings } = await check(state, { DISCORD_TOKEN, SLACK_BOT_TOKEN, SLACK_APP_TOKEN });

    const failures = findings.filter((finding) => finding.state === "failure");
    expect(failures.map(({ found }) => found)).toEqual([
      "the Message Content intent is off: Discord refuses the connection",
      "scopes are missing: reactions:read",
    ]);
    expect(failures.every(({ fix }) => fix !== undefined)).toBe(true);
  });
});
