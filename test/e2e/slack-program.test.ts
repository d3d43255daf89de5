import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { BOT_SCOPES } from "#bots/slack/manifest-needs.ts";
import { openSlackDouble, type SlackDouble } from "../fixtures/slack/slack-double.ts";
import { callApi } from "../fixtures/trials/call-api.ts";
import { readData } from "../fixtures/trials/data-folder.ts";
import { makeTrialFolder, runProgram } from "../fixtures/trials/run-program.ts";
import { type Server, startServer } from "../fixtures/trials/start-server.ts";

const OAUTH = { clientId: "12345.67890", clientSecret: "0123456789abcdef0123" };
const WAIT = { timeout: 60_000, interval: 50 };
/** Starting the program takes 3 s, and 20 s on a machine that does ten other things. */
vi.setConfig({ testTimeout: 180_000 });

/** The built program with Slack's double as its Slack; its credentials stand in a file that `--env-file` names. */
async function openTrial(mode: "http" | "socket", variables: (slack: SlackDouble) => Readonly<Record<string, string>>) {
  const slack = await openSlackDouble({ scopes: BOT_SCOPES });
  onTestFinished(() => slack.close());
  slack.state.addChannel("C1");
  for (const id of ["U1", "U2"]) slack.state.addUser({ id, name: `person ${id}` });
  slack.state.addUser({ id: "UADMIN", name: "Ada", isAdmin: true });
  const cwd = makeTrialFolder();
  const data = join(cwd, "data");
  const envFile = join(cwd, "bot.env");
  const lines = Object.entries(variables(slack)).map(([name, value]) => `${name}=${value}`);
  writeFileSync(envFile, `${lines.join("\n")}\n`);
  const settings = [
    `slack.apiUrl=${slack.apiUrl}`,
    `slack.mode=${mode}`,
    "slack.port=0",
    "chat.firstContactNotice=false",
  ];
  const start = async (given: { readonly data?: string; readonly flags?: readonly string[] } = {}): Promise<Server> => {
    const flags = ["--env-file", envFile, ...(given.flags ?? [])];
    const server = await startServer({ cwd, data: given.data ?? data, settings, flags });
    const { port } = await vi.waitFor(() => startedLine(server), WAIT);
    if (mode === "http") slack.delivery.deliverTo(`http://127.0.0.1:${port}/slack/events`);
    return server;
  };
  /** Finished replies since a question. */
  const repliesTo = (ts: string) =>
    (slack.state.channels.get("C1")?.messages ?? []).filter(
      (message) => message.bot_id !== undefined && Number(message.ts) > Number(ts) && message.blocks.length > 0,
    );
  return { slack, cwd, data, envFile, start, repliesTo };
}

function startedLine(server: Server): { readonly port?: number } {
  const line = server
    .log()
    .split("\n")
    .find((one) => one.includes('"slack.started"'));
  if (line === undefined) throw new Error("Slack has not started");
  return JSON.parse(line);
}

const tokensOf =
  (mode: "http" | "socket") =>
  ({ credentials: { botToken, appToken, signingSecret } }: SlackDouble) => ({
    SLACK_BOT_TOKEN: botToken,
    ...(mode === "http" ? { SLACK_SIGNING_SECRET: signingSecret } : { SLACK_APP_TOKEN: appToken }),
  });

test.each(["http", "socket"] as const)(
  "the program answers on Slack (%s), takes reactions and commands, and after a kill those that it missed",
  async (mode) => {
    const { slack, data, start, repliesTo } = await openTrial(mode, tokensOf(mode));
    const server = await start();
    const scores = async () => (await readData(data)).feedback.map(({ userId, score }) => [userId, score]);

    const { ts, statuses } = await slack.say("C1", "U1", "<@UBOT> where is my order?");
    await vi.waitFor(() => expect(repliesTo(ts)).toHaveLength(1), WAIT);
    const [reply] = repliesTo(ts);
    expect(statuses).toEqual([200]);
    expect(reply?.text.trim()).not.toBe("");

    await slack.react("C1", reply?.ts ?? "", "U2", "heart_eyes");
    await vi.waitFor(async () => expect(await scores()).toEqual([["U2", 5]]), WAIT);
    await slack.delivery.deliver("slash_commands", {
      team_id: "T1",
      api_app_id: "A1",
      trigger_id: "trigger-1",
      response_url: slack.responseUrl("R1"),
      command: "/reactune",
      text: "help",
      channel_id: "C1",
      channel_name: "general",
      user_id: "U1",
    });
    await vi.waitFor(() => expect(slack.responses).toHaveLength(1), WAIT);
    expect(JSON.stringify(slack.responses[0]?.body)).toContain("Score my last answer here");

    await server.kill();
    // Nobody listens: Slack keeps what people did, and events are lost.
    await slack.react("C1", reply?.ts ?? "", "U2", "heart_eyes", true);
    await slack.react("C1", reply?.ts ?? "", "U1", "confused");
    const missed = await slack.say("C1", "U1", "<@UBOT> are you there?");
    const again = await start();
    await vi.waitFor(() => expect(repliesTo(missed.ts)).toHaveLength(1), WAIT);
    await vi.waitFor(async () => expect((await scores()).filter(([, score]) => score)).toEqual([["U1", 2]]), WAIT);
    expect(repliesTo(ts)).toHaveLength(2);
    await again.stop();
    expect(again.log()).not.toContain("xoxb-");
  },
);

test.each(["http", "socket"] as const)(
  "in direct messages the program is an agent; buttons, menus, forms and confirmations reach its commands (%s)",
  async (mode) => {
    const { slack, data, start } = await openTrial(mode, tokensOf(mode));
    slack.state.addChannel("D1", "im");
    const server = await start();
    const feedback = async () => (await readData(data)).feedback;
    const inThread = (root: string) =>
      (slack.state.channels.get("D1")?.messages ?? []).filter(
        ({ thread_ts, bot_id, blocks }) => thread_ts === root && bot_id !== undefined && blocks.length > 0,
      );
    const base = (userId: string) => ({
      team_id: "T1",
      api_app_id: "A1",
      team: { id: "T1" },
      user: { id: userId, team_id: "T1", username: userId },
      channel: { id: "D1", name: "directmessage" },
      response_url: slack.responseUrl("R1"),
      trigger_id: `trigger-${slack.state.nextTs()}`,
    });
    const type = (userId: string, text: string) =>
      slack.delivery.deliver("slash_commands", {
        ...base(userId),
        command: "/reactune",
        text,
        channel_id: "D1",
        channel_name: "directmessage",
        user_id: userId,
      });
    const press = (actionId: string, ts: string, value?: string) =>
      slack.delivery.deliver("interactive", {
        ...base("U1"),
        type: "block_actions",
        container: { type: "message", message_ts: ts, channel_id: "D1" },
        message: { ts },
        actions: [{ type: "button", action_id: actionId, block_id: "b", value, action_ts: slack.state.nextTs() }],
      });
    const lastAnswer = () => JSON.stringify(slack.responses.at(-1)?.body ?? {});

    await slack.happen({ type: "app_home_opened", user: "U1", channel: "D1", tab: "messages", event_ts: "1.1" });
    const { ts } = await slack.say("D1", "U1", "where is my order?");
    await vi.waitFor(() => expect(inThread(ts)).toHaveLength(1), WAIT);
    const [reply] = inThread(ts);
    expect(slack.callsOf("assistant.threads.setSuggestedPrompts")).toHaveLength(1);
    await vi.waitFor(() => {
      const statuses = slack.callsOf("assistant.threads.setStatus").map(({ args }) => args.get("status"));
      expect([statuses.at(0), statuses.at(-1)]).toEqual(["is thinking…", ""]);
    }, WAIT);
    expect(slack.callsOf("assistant.threads.setTitle").map(({ args }) => args.get("title"))).toEqual([
      "where is my order?",
    ]);
    expect(slack.callsOf("chat.startStream")).toHaveLength(1);
    expect(reply?.blocks.map(({ type: kind }) => kind)).toEqual(["context_actions", "actions"]);

    await press("reactune_rate", reply?.ts ?? "", "5");
    await vi.waitFor(async () => expect(await feedback()).toMatchObject([{ score: 5, source: "button" }]), WAIT);

    await slack.delivery.deliver("interactive", {
      ...base("U1"),
      type: "message_action",
      callback_id: "reactune_message_teach",
      message: { ts: reply?.ts ?? "", text: reply?.text ?? "" },
    });
    await vi.waitFor(() => expect(slack.callsOf("views.open")).toHaveLength(1), WAIT);
    const view = JSON.parse(slack.callsOf("views.open")[0]?.args.get("view") ?? "{}");
    const [{ block_id: field }] = view.blocks;
    const state = { values: { [field]: { [field]: { type: "plain_text_input", value: "It is on its way" } } } };
    await slack.delivery.deliver("interactive", {
      ...base("U1"),
      type: "view_submission",
      view: { ...view, id: "V1", state },
    });
    await vi.waitFor(async () => expect(await feedback()).toMatchObject([{ correction: "It is on its way" }]), WAIT);

    await press("reactune_regenerate", reply?.ts ?? "");
    await vi.waitFor(() => expect(inThread(ts)).toHaveLength(2), WAIT);

    await type("U1", "settings set moderation.isPaused true");
    await vi.waitFor(() => expect(lastAnswer()).toContain("Only admins of this workspace may use"), WAIT);
    await type("UADMIN", "settings set chat.mention not-required");
    await vi.waitFor(() => expect(lastAnswer()).toContain("not-required"), WAIT);
    const unaddressed = await slack.say("C1", "U2", "is anybody here?");
    await vi.waitFor(() => {
      const messages = slack.state.channels.get("C1")?.messages ?? [];
      expect(messages.some((message) => message.bot_id !== undefined && message.ts > unaddressed.ts)).toBe(true);
    }, WAIT);

    await type("U1", "privacy forget");
    await vi.waitFor(() => expect(lastAnswer()).toContain("reactune_confirm"), WAIT);
    const value = lastAnswer().match(/"value":("(?:[^"\\]|\\.)*")/)?.[1] ?? '""';
    await press("reactune_confirm", slack.state.nextTs(), JSON.parse(value));
    await vi.waitFor(() => expect(lastAnswer()).toContain("Erased:"), WAIT);
    expect((await readData(data)).turns.filter(({ askerId, question }) => askerId === "U1" && question !== "")).toEqual(
      [],
    );
    await server.stop();
  },
);

test("several workspaces install the app; their tokens are sealed, their words apart, and one that leaves is erased", async () => {
  const { slack, data, start } = await openTrial("http", ({ credentials }) => ({
    SLACK_SIGNING_SECRET: credentials.signingSecret,
    SLACK_CLIENT_ID: OAUTH.clientId,
    SLACK_CLIENT_SECRET: OAUTH.clientSecret,
  }));
  const server = await start();
  const port = startedLine(server).port ?? 0;
  for (const teamId of ["T2", "T3"]) expect(await install(port, teamId)).toBe(200);

  for (const teamId of ["T2", "T3"]) await ask(slack, teamId, `<@UBOT${teamId}> the secret word is plum-of-${teamId}`);

  const tokens = () => slack.callsOf("chat.postMessage").map(({ token }) => token);
  await vi.waitFor(() => expect(new Set(tokens())).toEqual(new Set(["xoxb-installed-T2", "xoxb-installed-T3"])), WAIT);
  const stored = async () => new Set((await readData(data)).turns.map(({ workspaceId }) => workspaceId));
  await vi.waitFor(async () => expect(await stored()).toEqual(new Set(["slack:T2", "slack:T3"])), WAIT);
  expect(findInFiles(data, "plum-of-T2")).not.toEqual([]);
  expect(findInFiles(data, "xoxb-installed")).toEqual([]);

  await slack.happen({ type: "app_uninstalled", event_ts: "9.1" }, { team_id: "T2" });
  await vi.waitFor(async () => expect(await liveQuestions(data)).toEqual(["slack:T3"]), WAIT);
  await server.stop();
  expect(findInFiles(data, "plum-of-T2")).toEqual([]);
  expect(findInFiles(data, "plum-of-T3")).not.toEqual([]);

  const again = await start();
  const before = slack.calls.length;
  await ask(slack, "T3", "<@UBOTT3> still here?");
  await vi.waitFor(
    () => expect(slack.calls.slice(before).map(({ method }) => method)).toContain("chat.postMessage"),
    WAIT,
  );
  const { statuses } = await ask(slack, "T2", "<@UBOTT2> still here?");
  expect(statuses.every((status) => status !== 200)).toBe(true);
  expect(slack.calls.slice(before).map(({ token }) => token)).not.toContain("xoxb-installed-T2");
  await again.stop();
  expect(`${server.log()}${again.log()}`).not.toMatch(/xoxb-|plum-of/);
});

test("a recorded conversation is replayed to another bot, which answers it again", async () => {
  const { slack, cwd, data, start, repliesTo } = await openTrial("socket", tokensOf("socket"));
  const recording = join(cwd, "events.jsonl");
  const server = await start({ flags: ["--record", recording] });
  const { ts } = await slack.say(
    "C1",
    "U1",
    `<@UBOT> is xoxb-${"1234567890".repeat(2)}-abcdefghijklmnopqrstuvwx my token?`,
  );
  await vi.waitFor(() => expect(repliesTo(ts)).toHaveLength(1), WAIT);
  await slack.react("C1", repliesTo(ts)[0]?.ts ?? "", "U2", "heart_eyes");
  await vi.waitFor(async () => expect((await readData(data)).feedback).toHaveLength(1), WAIT);
  await server.stop();

  const lines = readFileSync(recording, "utf8").trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).kind)).toEqual(["message", "reaction"]);
  expect(lines.join("")).not.toContain("xoxb-");
  const other = join(cwd, "other-data");
  const again = await start({ data: other });
  const dry = await runProgram(["--data", other, "replay", recording, "--dry-run"], { cwd });
  expect(dry.stdout).toContain("2 lines: 2 can be replayed, 0 cannot; nothing was sent");
  expect(repliesTo(ts)).toHaveLength(1);
  const { exitCode, stdout } = await runProgram(["--data", other, "replay", recording], { cwd });

  expect({ exitCode, stdout: stdout.trim() }).toEqual({
    exitCode: 0,
    stdout: "2 accepted, 0 not meant for the bot, 0 failed",
  });
  await vi.waitFor(() => expect(repliesTo(ts)).toHaveLength(2), WAIT);
  await vi.waitFor(async () => expect((await readData(other)).turns).toMatchObject([{ platform: "slack" }]), WAIT);
  await again.stop();
});

test("the set-up page writes into the file that the program was told to read", async () => {
  const { slack, cwd, envFile, start } = await openTrial("socket", tokensOf("socket"));
  const server = await start();
  const { signingSecret } = slack.credentials;

  const { status, body } = await callApi(() => server.url, "ada").call("PUT", "/api/setup", {
    values: { SLACK_SIGNING_SECRET: signingSecret },
  });

  expect({ status, body }).toMatchObject({ status: 200, body: { isSaved: true } });
  expect(readFileSync(envFile, "utf8")).toContain(`SLACK_SIGNING_SECRET=${signingSecret}`);
  expect(statSync(envFile).mode & 0o777).toBe(0o600);
  expect(readdirSync(cwd)).not.toContain(".env");
  await server.stop();
});

/** What a browser does: the page of installation, Slack's consent, and back with a code and the cookie. */
async function install(port: number, teamId: string): Promise<number> {
  const base = `http://127.0.0.1:${port}/slack`;
  const start = await fetch(`${base}/install`, { redirect: "manual" });
  const state = new URL(start.headers.get("location") ?? "").searchParams.get("state");
  const cookie = start.headers.get("set-cookie")?.split(";")[0] ?? "";
  const end = await fetch(`${base}/oauth_redirect?code=code-${teamId}&state=${state}`, { headers: { cookie } });
  return end.status;
}

function ask(slack: SlackDouble, teamId: string, text: string) {
  const ts = slack.state.nextTs();
  const event = { type: "message", channel: "C1", channel_type: "channel", user: "U1", text, ts, event_ts: ts };
  const bot = { team_id: teamId, user_id: `UBOT${teamId}`, enterprise_id: null, is_bot: true };
  return slack.happen(event, { team_id: teamId, authorizations: [{ ...bot, is_enterprise_install: false }] });
}

async function liveQuestions(data: string): Promise<readonly string[]> {
  return (await readData(data)).turns
    .filter(({ status }) => status !== "deleted")
    .map(({ workspaceId }) => workspaceId);
}

/** Names of files below `folder` that hold the words as they are. */
function findInFiles(folder: string, words: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => readFileSync(path).includes(words));
}
