import { createEmulator } from "emulate";
import { expect, onTestFinished, test } from "vitest";
import type { ChatCommand } from "#bots/chat-command.ts";
import { BOT_SCOPES } from "#bots/slack/manifest-needs.ts";
import { openSlack, replyPart, type SlackWorldOptions } from "../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../fixtures/slack/slack-double.ts";

const TOKEN = "test_token_admin";
const TEAM = "T000000001";
const CHANNEL = "C000000001";
const ADMIN = "U000000001";
const OAUTH = { clientId: "12345.67890", clientSecret: "0123456789abcdef0123" };

/** The connector on a Slack that others wrote; our own only signs and delivers, which theirs has no public way for. */
async function openEmulated(given: Pick<SlackWorldOptions, "intake"> & { readonly isByOauth?: boolean } = {}) {
  const app = { client_id: OAUTH.clientId, client_secret: OAUTH.clientSecret, name: "Reactune", bot_name: "reactune" };
  const emulator = await createEmulator({
    service: "slack",
    port: 0,
    seed: {
      slack: {
        users: [{ name: "ana", real_name: "Ana", is_admin: true }],
        ...(given.isByOauth === true ? { oauth_apps: [{ ...app, redirect_uris: [], scopes: [...BOT_SCOPES] }] } : {}),
      },
    },
  });
  onTestFinished(() => emulator.close());
  const slack = await openSlackDouble();
  const { signingSecret } = slack.credentials;
  const credentials = given.isByOauth === true ? { signingSecret, ...OAUTH } : { signingSecret, botToken: TOKEN };
  const { intake = {} } = given;
  const world = await openSlack({ slack, credentials, intake, apiUrl: `${emulator.url}/api/` });
  // biome-ignore lint/suspicious/noExplicitAny: answers of another program
  const call = async (method: string, args: Record<string, string> = {}): Promise<any> => {
    const body = new URLSearchParams(args);
    const response = await fetch(`${emulator.url}/api/${method}`, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body,
    });
    return await response.json();
  };
  const part = (given: Parameters<typeof replyPart>[0] = {}) =>
    replyPart({ workspaceId: `slack:${TEAM}`, channelId: CHANNEL, ...given });
  const history = async () =>
    (await call("conversations.history", { channel: CHANNEL, include_all_metadata: "true" })).messages;
  return { ...world, url: emulator.url, call, part, history };
}

test("a signed event is taken in under the emulated workspace", async () => {
  const { slack, of } = await openEmulated();
  const event = {
    type: "message",
    channel: CHANNEL,
    channel_type: "channel",
    user: "U2",
    text: "<@U000000001> hi",
    ts: "5.000001",
  };
  const authorizations = [
    { team_id: TEAM, enterprise_id: null, user_id: "U000000001", is_bot: true, is_enterprise_install: false },
  ];

  const { statuses } = await slack.happen(event, { team_id: TEAM, authorizations });

  expect(statuses).toEqual([200]);
  expect(of("acceptMessage")).toMatchObject([
    [`slack:${TEAM}:${CHANNEL}:5.000001`, { workspaceId: `slack:${TEAM}`, text: "hi" }],
  ]);
});

test("a reply is posted, edited, found again and deleted", async () => {
  const { connector, part, history } = await openEmulated();

  const posted = await connector.post(part({ text: "One", isFinal: false }));
  await connector.edit(posted, part({ text: "One **two**" }));

  const [message] = await history();
  expect(message).toMatchObject({ ts: posted.messageId, metadata: { event_type: "reactune_reply" } });
  expect(message.blocks[0]).toEqual({ type: "markdown", text: "One **two**" });
  expect(await connector.reconcile(part())).toEqual(posted);
  await connector.remove({ workspaceId: `slack:${TEAM}`, channelId: CHANNEL, messageId: posted.messageId });
  expect((await history()).map(({ ts }: { ts: string }) => ts)).not.toContain(posted.messageId);
});

test("a Slack without streams gets its reply in a thread by edits", async () => {
  const { connector, part, call } = await openEmulated();
  const root = await call("chat.postMessage", { channel: CHANNEL, text: "?" });

  const posted = await connector.post(part({ threadId: root.ts, inReplyTo: root.ts, text: "One", isFinal: false }));
  await connector.edit(posted, part({ threadId: root.ts, inReplyTo: root.ts, text: "One two" }));

  const { messages } = await call("conversations.replies", { channel: CHANNEL, ts: root.ts });
  expect(messages).toHaveLength(2);
  expect(messages[1].blocks[0].text).toBe("One two");
  expect(await connector.reconcile(part({ threadId: root.ts, inReplyTo: root.ts }))).toEqual(posted);
});

test("emoji are offered, and read back as they are", async () => {
  const { connector, part, of } = await openEmulated();
  const { messageId } = await connector.post(part());
  const place = { workspaceId: `slack:${TEAM}`, channelId: CHANNEL, messageId };

  await connector.offerEmoji(place, ["😍", "+1"]);
  await connector.catchUp({ replies: [place] });

  // The only token of the emulator is the bot's own: what it pressed itself is left out.
  expect(of("acceptReactions")).toMatchObject([[{ messageId, reactions: [] }]]);
});

test("a notice reaches a channel and an admin", async () => {
  const { connector, call, history } = await openEmulated();

  await connector.tell({ workspaceId: `slack:${TEAM}`, channelId: CHANNEL, text: "Hello" });
  await connector.tell({ workspaceId: `slack:${TEAM}`, text: "Hello, admin" });

  expect((await history())[0].text).toBe("Hello");
  const { channels } = await call("conversations.list", { types: "im" });
  expect(channels.length).toBeGreaterThan(0);
});

test("a workspace installs the app by the emulated OAuth, and is answered with the token that it gave", async () => {
  const { connector, url, call, history, of, platforms } = await openEmulated({ isByOauth: true });
  const base = `http://127.0.0.1:${connector.port()}/slack`;
  const start = await fetch(`${base}/install`, { redirect: "manual" });
  const { searchParams } = new URL(start.headers.get("location") ?? "");
  const cookie = start.headers.get("set-cookie")?.split(";")[0] ?? "";
  const consent = new URLSearchParams({ user_id: ADMIN, redirect_uri: `${base}/oauth_redirect` });
  for (const name of ["client_id", "scope", "state"]) consent.set(name, searchParams.get(name) ?? "");
  const agreed = await fetch(`${url}/oauth/v2/authorize/callback`, {
    method: "POST",
    body: consent,
    redirect: "manual",
  });

  const { status } = await fetch(agreed.headers.get("location") ?? "", { headers: { cookie } });

  expect(status).toBe(200);
  expect(of("acceptPlaceEvent")).toContainEqual([
    { kind: "joined", workspaceId: `slack:${TEAM}`, isNew: true, adminId: ADMIN },
  ]);
  expect(JSON.stringify(await platforms.listInstallations("slack"))).not.toContain("xoxb-");
  const bot = (await call("users.list")).members.find((member: { is_bot: boolean }) => member.is_bot);
  await call("conversations.invite", { channel: CHANNEL, users: bot.id });
  await connector.tell({ workspaceId: `slack:${TEAM}`, channelId: CHANNEL, text: "Hello" });
  expect((await history())[0]).toMatchObject({ text: "Hello", user: bot.id });
});

test("a form opens by a trigger that the emulated Slack gave, and its text is said where the trigger is none", async () => {
  const form = {
    title: "Teach a better answer",
    fields: [{ name: "answer", label: "The better answer", isLong: true, isRequired: true, charsMax: 3000 }],
  };
  const teach: ChatCommand = {
    name: "teach",
    description: "Teach",
    access: "everyone",
    options: [],
    run: async () => ({ text: "" }),
  };
  const { slack, call } = await openEmulated({
    intake: {
      commands: [teach],
      runCommand: async () => ({ text: "Write it behind", form }),
    },
  });
  const type = async (triggerId: string) =>
    await slack.delivery.deliver("slash_commands", {
      team_id: TEAM,
      api_app_id: "A1",
      trigger_id: triggerId,
      response_url: slack.responseUrl("R1"),
      command: "/teach",
      text: "",
      channel_id: CHANNEL,
      channel_name: "general",
      user_id: ADMIN,
    });

  const { trigger_id: trigger } = await call("views.generateTriggerId", { user_id: ADMIN });
  await type(trigger);
  await type("none.of.these");
  await expect.poll(() => slack.responses.length).toBe(1);

  expect(JSON.stringify(slack.responses[0]?.body)).toContain("Write it behind");
  // A trigger opens one form: the first one is used up.
  const title = { type: "plain_text", text: "Another" };
  const view = JSON.stringify({ type: "modal", title, blocks: [] });
  expect(await call("views.open", { trigger_id: trigger, view })).toMatchObject({
    ok: false,
    error: "exchanged_trigger_id",
  });
});
