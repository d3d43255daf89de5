import { chmod, mkdtemp, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EnvFileRefusedError, readEnvFile, saveEnvFile } from "#commands/setup-env-file.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 14, 25, 1);

async function envPath(text?: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), "reactune-env-")), ".env");
  if (text !== undefined) await writeFile(path, text);
  return path;
}

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

test("saveEnvFile() makes a file that its owner alone can read when there is none", async () => {
  const path = await envPath();

  const saved = await saveEnvFile(path, { DISCORD_TOKEN: "one" }, NOW_MS);

  expect(saved).toEqual({ path, changed: ["DISCORD_TOKEN"] });
  expect(await modeOf(path)).toBe(0o600);
  expect(await readEnvFile(path)).toEqual({ DISCORD_TOKEN: "one" });
});

test("saveEnvFile() leaves every other line, comment and order as they are, and keeps the file as it was beside it", async () => {
  const before = "# mine\nLORA_RANK=8\n\nexport DISCORD_TOKEN=old # note\n# SLACK_BOT_TOKEN=example\nOTHER='a b'\n";
  const path = await envPath(before);
  await chmod(path, 0o644);

  const { backupPath } = await saveEnvFile(path, { DISCORD_TOKEN: "new", SLACK_BOT_TOKEN: "bot" }, NOW_MS);

  expect(await readFile(path, "utf8")).toBe(
    "# mine\nLORA_RANK=8\n\nDISCORD_TOKEN=new\n# SLACK_BOT_TOKEN=example\nOTHER='a b'\nSLACK_BOT_TOKEN=bot\n",
  );
  expect(backupPath).toBe(`${path}.backup-20261121-142501`);
  expect(await readFile(backupPath ?? "", "utf8")).toBe(before);
  expect([await modeOf(path), await modeOf(backupPath ?? "")]).toEqual([0o600, 0o600]);
});

test("saveEnvFile() writes nothing when nothing differs, but takes the file away from other readers", async () => {
  const path = await envPath("DISCORD_TOKEN=same\n");
  await chmod(path, 0o644);

  const saved = await saveEnvFile(path, { DISCORD_TOKEN: "same" }, NOW_MS);

  expect(saved.changed).toEqual([]);
  expect(await readdir(join(path, ".."))).toEqual([".env"]);
  expect(await modeOf(path)).toBe(0o600);
});

test("saveEnvFile() keeps line ends of Windows", async () => {
  const path = await envPath("A=1\r\nDISCORD_TOKEN=old\r\n");

  await saveEnvFile(path, { DISCORD_TOKEN: "new", SLACK_APP_TOKEN: "app" }, NOW_MS);

  expect(await readFile(path, "utf8")).toBe("A=1\r\nDISCORD_TOKEN=new\r\nSLACK_APP_TOKEN=app\r\n");
});

test("saveEnvFile() writes through a link and leaves the link", async () => {
  const real = await envPath("A=1\n");
  const link = `${real}-link`;
  await symlink(real, link);

  await saveEnvFile(link, { DISCORD_TOKEN: "new" }, NOW_MS);

  expect(await readFile(real, "utf8")).toContain("DISCORD_TOKEN=new");
  expect((await stat(link)).isFile()).toBe(true);
});

test("saveEnvFile() refuses and changes nothing when the line stands inside a quoted value", async () => {
  const before = 'NOTE="first\nDISCORD_TOKEN=inside\nlast"\n';
  const path = await envPath(before);

  await expect(saveEnvFile(path, { DISCORD_TOKEN: "new" }, NOW_MS)).rejects.toThrow(EnvFileRefusedError);

  expect(await readFile(path, "utf8")).toBe(before);
  expect(await readdir(join(path, ".."))).toEqual([".env"]);
});

test("saveEnvFile() rejects without a trace of the value when the folder is not there", async () => {
  const failure = saveEnvFile(join(tmpdir(), "reactune-none", "x", ".env"), { DISCORD_TOKEN: "hush-hush" }, NOW_MS);

  const error = await failure.catch((caught: unknown) => caught);

  expect(error).toBeInstanceOf(EnvFileRefusedError);
  expect(String(error)).not.toContain("hush");
});
