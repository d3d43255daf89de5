import { createEmulator } from "emulate";
import { expect, onTestFinished, test } from "vitest";
import { openSlack, replyPart } from "../fixtures/slack/open-slack.ts";
import { openSlackDouble } from "../fixtures/slack/slack-double.ts";

const TOKEN = "test_token_admin";
const TEAM = "T000000001";
const CHANNEL = "C000000001";

/** The connector on a Slack that others wrote; our own only signs and delivers, which theirs has no public way for. */
async function openEmulated() {
  const emulator = await createEmulator({
    service: "slack",
    port: 0,
    seed: { slack: { users: [{ name: "ana", real_name: "Ana", is_admin: true }] } },
  });
  onTestFinished(() => emulator.close());
  const slack = await openSlackDouble();
  const credentials = { botToken: TOKEN, signingSecret: slack.credentials.signingSecret };
  const world = await openSlack({ slack, credentials, apiUrl: `${emulator.url}/api/` });
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
  return { ...world, call, part, history };
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
