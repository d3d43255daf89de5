import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createSeal, sealedInstallations } from "#bots/slack/sealed-installations.ts";
import { anotherConnector, openSlack, replyPart, WORKSPACE } from "../../../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../../../fixtures/slack/slack-double.ts";
import { openTempStore } from "../../store/sqlite/temp-store.ts";

const client = { clientId: "12345.67890", clientSecret: "0123456789abcdef0123" };
const OWN = { botToken: "xoxb-double-1234567890", appToken: "xapp-double-1234567890", signingSecret: "0".repeat(32) };

function installed(teamId: string) {
  return {
    team: { id: teamId, name: teamId },
    enterprise: undefined,
    bot: {
      token: `xoxb-installed-${teamId}`,
      userId: `UBOT${teamId}`,
      id: "BBOT",
      scopes: ["chat:write"],
    },
    user: { id: "UADMIN", token: undefined, scopes: undefined },
  };
}

test.each(["socket", "http"] as const)(
  "start() over %s waits for Slack while it is away, and says so",
  { timeout: 20_000 },
  async (mode) => {
    const port = await findFreePort();
    const apiUrl = `http://127.0.0.1:${port}/api/`;
    const { connector, lines, start } = anotherConnector({ mode, apiUrl, credentials: OWN });
    const starting = start();
    await expect.poll(() => lines.map(({ event }) => event), { timeout: 5000 }).toContain("slack.away");
    expect(connector.isConnected?.()).toBe(false);

    const slack = await openSlackDouble({ port });
    onTestFinished(() => slack.close());
    await starting;

    expect(connector.isConnected?.()).toBe(true);
  },
);

test("stop() ends the waiting for a Slack that is away", async () => {
  const apiUrl = `http://127.0.0.1:${await findFreePort()}/api/`;
  const { connector, lines, start } = anotherConnector({ mode: "socket", apiUrl, credentials: OWN });
  const refused = expect(start()).rejects.toThrow("the program is stopping");
  await expect.poll(() => lines.map(({ event }) => event), { timeout: 5000 }).toContain("slack.away");

  await connector.stop();

  await refused;
});

test("start() waits while Slack turns every socket away", { timeout: 20_000 }, async () => {
  const slack = await openSlackDouble();
  onTestFinished(() => slack.close());
  slack.delivery.turnsAway = "at-once";
  const { connector, lines, start } = anotherConnector({ mode: "socket", ...slack });
  const starting = start();
  await expect.poll(() => lines.map(({ event }) => event), { timeout: 5000 }).toContain("slack.away");

  slack.delivery.turnsAway = undefined;
  await starting;

  expect(connector.isConnected?.()).toBe(true);
});

test("a socket that is turned away again and again is not opened ever faster", async () => {
  const { slack } = await openSlack({ mode: "socket" });
  slack.delivery.turnsAway = "greeted";
  slack.delivery.opened = 0;
  slack.delivery.askToReconnect();

  await new Promise((resolve) => setTimeout(resolve, 3000));

  expect(slack.delivery.opened).toBeGreaterThan(1);
  expect(slack.delivery.opened).toBeLessThan(7);
});

test("a socket that Slack refuses for its token says in the log what to do", async () => {
  const { slack, logged } = await openSlack({ mode: "socket" });
  slack.errors.set("apps.connections.open", "token_revoked");

  slack.delivery.cutSockets();

  await expect
    .poll(() => logged.filter(({ event }) => event === "slack.reconnect-failed")[0]?.fields)
    .toMatchObject({ reason: expect.stringContaining("reactune setup slack") });
});

test("start() serves the other workspaces when the own one removed the app", async () => {
  const slack = await openSlackDouble();
  onTestFinished(() => slack.close());
  const { platforms } = openTempStore();
  const before = anotherConnector({ ...slack, mode: "http", platforms, credentials: slack.credentials });
  await before.start();
  await before.connector.stop();
  await openInstallation(platforms, "T2");
  slack.tokens.set("xoxb-installed-T2", { ...slack.own, teamId: "T2", botUserId: "UBOTT2" });
  slack.tokens.delete(slack.credentials.botToken);
  const credentials = { ...slack.credentials, ...client };

  const { connector, lines, start } = anotherConnector({ ...slack, mode: "http", platforms, credentials });
  await start();
  slack.state.addChannel("C1", "channel", { name: "general" });
  await connector.post(replyPart({ workspaceId: "slack:T2" }));

  expect(slack.callsOf("chat.postMessage").map(({ token }) => token)).toEqual(["xoxb-installed-T2"]);
  expect(lines.filter(({ event }) => event === "slack.workspace-refused")).toMatchObject([
    { level: "error", fields: { reason: expect.stringContaining("reactune setup slack") } },
  ]);
});

test("the own workspace is answered with its new token when it removed the app and installed it again", async () => {
  const platforms = openTempStore().platforms;
  const { slack, connector } = await openSlack({ platforms });
  await slack.happen({ type: "app_uninstalled", event_ts: "1.1" });
  await openInstallation(platforms, "T1");
  slack.tokens.set("xoxb-installed-T1", slack.own);
  slack.tokens.delete(slack.credentials.botToken);

  await connector.post(replyPart());

  expect(slack.callsOf("chat.postMessage").map(({ token }) => token)).toEqual(["xoxb-installed-T1"]);
});

test("tokens that are revoked, as to make new ones, erase nothing of what was learned", async () => {
  const { slack, of, logged } = await openSlack();

  await slack.happen({ type: "tokens_revoked", tokens: { bot: ["UBOT"], oauth: [] }, event_ts: "1.1" });

  expect(of("acceptPlaceEvent")).not.toContainEqual([{ kind: "left", workspaceId: WORKSPACE }]);
  expect(logged.filter(({ event }) => event === "slack.tokens-revoked")).toMatchObject([
    { level: "error", fields: { workspaceId: WORKSPACE, hint: expect.stringContaining("reactune setup slack") } },
  ]);
});

test("start() refuses the token of a whole organisation, with the remedy", async () => {
  const slack = await openSlackDouble();
  onTestFinished(() => slack.close());
  slack.tokens.set(slack.credentials.botToken, { ...slack.own, teamId: "E1", isOrganisation: true });

  await expect(anotherConnector({ ...slack, mode: "http" }).start()).rejects.toMatchObject({
    code: "PLATFORM_REFUSED",
    hint: expect.stringContaining("one workspace"),
  });
});

test("edit() in an archived channel rejects as a matter of permission: the reply still stands there", async () => {
  const { slack, connector } = await openSlack();
  const posted = await connector.post(replyPart());
  slack.errors.set("chat.update", "is_archived");

  await expect(connector.edit(posted, replyPart())).rejects.toMatchObject({
    reason: "permission",
    hint: expect.stringContaining("archive"),
  });
});

test.each([
  ["a change of a message without text", { subtype: "message_changed", message: { ts: "1.1", text: null } }],
  ["a message of a workflow without a person", { subtype: "bot_message", bot_id: "B1", text: null, ts: "1.1" }],
  ["a change that tells no message", { subtype: "message_changed" }],
  ["a deletion that tells no message", { subtype: "message_deleted" }],
])("%s is acknowledged, and comes to nothing", async (_what, given) => {
  const { slack, accepted } = await openSlack();

  const event = { type: "message", channel: "C1", channel_type: "channel", event_ts: "1.2", ...given };
  const { statuses } = await slack.happen(event);

  expect(statuses).toEqual([200]);
  expect(accepted.filter(({ name }) => name !== "acceptPlaceEvent")).toEqual([]);
});

test("bots and workflows that mention the bot are not answered", async () => {
  const { slack, of } = await openSlack();
  const mention = { type: "app_mention", channel: "C1", text: "<@UBOT> hi", ts: "1.1", event_ts: "1.1" };

  for (const given of [
    { user: "UOTHERBOT", bot_id: "B9" },
    { subtype: "bot_message", bot_id: "B9" },
    { user: "UBOT" },
    { bot_id: "B9", text: null },
  ]) {
    const { statuses } = await slack.happen({ ...mention, ...given });
    expect(statuses).toEqual([200]);
  }

  expect(of("acceptMessage")).toEqual([]);
});

test.each([
  ["is gone", "GGONE"],
  ["is closed to the bot", "GCLOSED"],
])("tell() reaches an admin alone when the channel that they chose %s", async (_why, adminChannel) => {
  const { slack, connector } = await openSlack({ settings: { adminChannel } });
  Object.assign(slack.state.addChannel("GCLOSED", "group"), { isBotMember: false });

  await connector.tell({ workspaceId: WORKSPACE, text: "A reply was reported" });

  expect(slack.callsOf("conversations.open").map(({ args }) => args.get("users"))).toEqual(["UADMIN"]);
  expect(
    slack
      .callsOf("chat.postMessage")
      .map(({ outcome }) => outcome)
      .at(-1),
  ).toBe("ok");
});

async function openInstallation(platforms: ReturnType<typeof openTempStore>["platforms"], teamId: string) {
  await sealedInstallations(platforms, createSeal(new Uint8Array(32).fill(7)), Date.now).save(
    installed(teamId) as never,
  );
}

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
