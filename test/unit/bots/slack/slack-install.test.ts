import { expect, test } from "vitest";
import { openSlack, replyPart } from "../../../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../../../fixtures/slack/slack-double.ts";

const client = { clientId: "12345.67890", clientSecret: "0123456789abcdef0123" };

/** What a browser does: the page of installation, Slack's consent, and back with a code and the cookie. */
async function install(port: number | undefined, code: string, given: { readonly cookie?: string } = {}) {
  const base = `http://127.0.0.1:${port}/slack`;
  const start = await fetch(`${base}/install`, { redirect: "manual" });
  const consent = new URL(start.headers.get("location") ?? "");
  const cookie = given.cookie ?? start.headers.get("set-cookie")?.split(";")[0] ?? "";
  const back = `${base}/oauth_redirect?code=${code}&state=${consent.searchParams.get("state")}`;
  const end = await fetch(back, { headers: { cookie }, redirect: "manual" });
  return { consent, status: end.status, page: await end.text() };
}

test.each(["http", "socket"] as const)(
  "another workspace installs the app by OAuth (%s), is heard and answered with its own token",
  async (mode) => {
    const slack = await openSlackDouble();
    const { connector, of, platforms } = await openSlack({
      slack,
      mode,
      credentials: { ...slack.credentials, ...client },
    });

    const { consent, status } = await install(connector.port(), "code-T2");
    const event = {
      type: "message",
      channel: "C1",
      channel_type: "channel",
      user: "UANA",
      text: "<@UBOTT2> hi",
      ts: "1.1",
    };
    const authorizations = [
      { team_id: "T2", enterprise_id: null, user_id: "UBOTT2", is_bot: true, is_enterprise_install: false },
    ];
    await slack.happen(event, { team_id: "T2", authorizations });
    await connector.post(replyPart({ workspaceId: "slack:T2" }));

    expect(consent.searchParams.get("scope")).toContain("reactions:read");
    expect(status).toBe(200);
    expect(of("acceptPlaceEvent")).toContainEqual([
      { kind: "joined", workspaceId: "slack:T2", isNew: true, adminId: "UADMIN" },
    ]);
    expect(of("acceptMessage")[0]?.[1]).toMatchObject({ workspaceId: "slack:T2", text: "hi" });
    expect(slack.callsOf("chat.postMessage").map(({ token }) => token)).toEqual(["xoxb-installed-T2"]);
    expect(JSON.stringify(await platforms.listInstallations("slack"))).not.toContain("xoxb-installed");
  },
);

test("an installation begun in another browser is refused", async () => {
  const slack = await openSlackDouble();
  const { connector, platforms } = await openSlack({ slack, credentials: { ...slack.credentials, ...client } });

  const { status } = await install(connector.port(), "code-T2", { cookie: "slack-app-oauth-state=forged" });

  expect(status).toBeGreaterThanOrEqual(400);
  expect(await platforms.listInstallations("slack")).toEqual([]);
});

test("workspaces that installed the app are there after a restart, without a token in the settings", async () => {
  const slack = await openSlackDouble();
  const { signingSecret } = slack.credentials;
  const first = await openSlack({ slack, credentials: { signingSecret, ...client } });
  await install(first.connector.port(), "code-T2");
  await first.connector.stop();

  const again = await openSlack({ slack, platforms: first.platforms, credentials: { signingSecret, ...client } });
  await again.connector.tell({ workspaceId: "slack:T2", channelId: "C1", text: "back" });

  expect(again.of("acceptPlaceEvent")).toEqual([
    [{ kind: "joined", workspaceId: "slack:T2", isNew: false, adminId: "UADMIN" }],
  ]);
  expect(slack.callsOf("chat.postMessage").map(({ token }) => token)).toEqual(["xoxb-installed-T2"]);
});

test("app_uninstalled erases the workspace and its tokens", async () => {
  const slack = await openSlackDouble();
  const { connector, of, platforms } = await openSlack({ slack, credentials: { ...slack.credentials, ...client } });
  await install(connector.port(), "code-T2");

  const { statuses } = await slack.happen({ type: "app_uninstalled", event_ts: "1.1" }, { team_id: "T2" });

  expect(statuses).toEqual([200]);
  expect(of("acceptPlaceEvent").at(-1)).toEqual([{ kind: "left", workspaceId: "slack:T2" }]);
  expect(await platforms.listInstallations("slack")).toEqual([]);
  await expect(connector.post(replyPart({ workspaceId: "slack:T2" }))).rejects.toMatchObject({ reason: "credentials" });
});

test("tokens of people that are revoked leave the bot where it is", async () => {
  const { slack, of } = await openSlack();

  await slack.happen({ type: "tokens_revoked", tokens: { oauth: ["UANA"], bot: [] }, event_ts: "1.1" });

  expect(of("acceptPlaceEvent").map(([event]) => event)).not.toContainEqual(expect.objectContaining({ kind: "left" }));
});
