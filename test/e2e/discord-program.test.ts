import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ComponentType, PermissionFlagsBits } from "discord-api-types/v10";
import { expect, onTestFinished, test, vi } from "vitest";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import type { Call } from "../fixtures/discord/double-calls.ts";
import { BOT_ID, type StoredChannel, type StoredMessage } from "../fixtures/discord/double-world.ts";
import { readData } from "../fixtures/trials/data-folder.ts";
import { makeTrialFolder } from "../fixtures/trials/run-program.ts";
import { startServer } from "../fixtures/trials/start-server.ts";

const ANA = "700000000000000001";
const ADMIN = "700000000000000009";
const ADMIN_RIGHTS = { permissions: PermissionFlagsBits.ManageGuild };
const WORD = "marmalade";
const TRIAL_MAX_MS = 120_000;
const ANSWER = { timeout: 45_000, interval: 100 };

/** One visit, from the first question to the wish to be forgotten. */
test("start on Discord answers, takes ratings and commands, forgets, and logs neither words nor secrets", {
  timeout: TRIAL_MAX_MS,
}, async () => {
  const double = await openDiscordDouble();
  onTestFinished(() => double.close());
  const guild = double.world.addGuild();
  double.world.addChannel(guild, { name: "welcome" });
  const channel = double.world.addChannel(guild, { name: "talk" });
  const cwd = makeTrialFolder();
  const data = join(cwd, "data");
  writeFileSync(join(cwd, ".env"), `DISCORD_TOKEN=${double.token}\n`, { mode: 0o600 });
  const server = await startServer({ cwd, data, settings: [`discord.apiUrl=${double.apiUrl}`] });
  const ownIn = ({ id }: StoredChannel) =>
    [...(double.world.messages.get(id)?.values() ?? [])].filter(({ author }) => author.id === BOT_ID);
  const answerTo = (question: StoredMessage) =>
    ownIn(channel).find(({ message_reference }) => message_reference?.message_id === question.id);

  const question = double.people.say(channel, ANA, `How do I make ${WORD}?`, { mentionsBot: true });
  const answer = await vi.waitFor(() => {
    const found = answerTo(question);
    if (found === undefined || found.pressed.size < 5) throw new Error("There is no answer with its emoji yet");
    return found;
  }, ANSWER);
  double.people.react(answer, ANA, "😍");
  await vi.waitFor(() => expect(server.log()).toMatch(/"score":5,.*"feedback.collected"/), ANSWER);

  const status = await double.people.command(channel, ADMIN, "status", ADMIN_RIGHTS);
  await vi.waitFor(() => expect(status.shown.length).toBeGreaterThan(0), ANSWER);
  expect(wordsOf(status)).toMatch(/general/i);
  const denied = await double.people.command(channel, ANA, "status");
  await vi.waitFor(() => expect(denied.shown.length).toBeGreaterThan(0), ANSWER);
  expect(wordsOf(denied)).toMatch(/admin/i);

  const forget = await double.people.command(channel, ANA, "privacy", {
    options: [{ name: "action", value: "forget" }],
  });
  await vi.waitFor(() => expect(forget.shown.length).toBeGreaterThan(0), ANSWER);
  const [row] = forget.original?.components ?? [];
  const button = row !== undefined && "components" in row ? row.components[0] : undefined;
  if (forget.original === undefined || button?.type !== ComponentType.Button || !("custom_id" in button)) {
    throw new Error("There is no button to confirm with");
  }
  const erased = await double.people.press(forget.original, ANA, button.custom_id);
  await vi.waitFor(() => expect(wordsOf(erased)).toMatch(/erased/i), ANSWER);

  await server.stop();
  // Who reads the records keeps the file's log from being emptied: the bytes come first.
  const files = readdirSync(data).filter((file) => file.startsWith("reactune.db"));
  expect(files.filter((file) => readFileSync(join(data, file)).includes(WORD))).toEqual([]);
  expect(JSON.stringify(await readData(data))).not.toContain(WORD);
  const lines = server.log().split("\n");
  const events = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  // Who tries an admin's command stands in the log; nothing else is worth a warning.
  expect(events.filter(({ level }) => level > 30).map(({ msg }) => msg)).toEqual(["command.refused"]);
  expect(events.at(-1)).toMatchObject({ msg: "program.stopping" });
  for (const secret of [double.token, WORD]) expect(server.log()).not.toContain(secret);
  expect(double.counts.overLimit).toBe(0);
});

function wordsOf({ shown }: Call): string {
  return shown.map(({ content }) => content).join("\n");
}
