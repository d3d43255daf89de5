import { expect, test } from "vitest";
import { openSlack, replyPart, WORKSPACE } from "../../../fixtures/slack/open-slack.ts";

test("createSlackConnector() hands a mention in and posts the reply as one message", async () => {
  const { slack, connector, of } = await openSlack();

  const { ts, statuses } = await slack.say("C1", "UANA", "<@UBOT> What is *this*, <@UBO>? &lt;b&gt;");
  const posted = await connector.post(replyPart({ inReplyTo: ts, text: "First", isFinal: false }));
  await connector.edit(posted, replyPart({ inReplyTo: ts, text: "First and last" }));

  expect(statuses).toEqual([200]);
  expect(of("acceptMessage")).toEqual([
    [
      `slack:T1:C1:${ts}`,
      {
        platform: "slack",
        workspaceId: WORKSPACE,
        channelId: "C1",
        visibility: "public",
        userId: "UANA",
        messageId: ts,
        text: "What is **this**, @Bo? <b>",
        sentAtMs: Math.round(Number(ts) * 1000),
      },
    ],
  ]);
  const own = slack.state.channels.get("C1")?.messages.filter(({ user }) => user === "UBOT") ?? [];
  expect(own.map(({ text }) => text)).toEqual(["First and last"]);
});
