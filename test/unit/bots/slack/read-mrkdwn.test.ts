import { expect, test } from "vitest";
import { mentionedIds, readEscaped, readMrkdwn } from "#bots/slack/read-mrkdwn.ts";

const names = {
  user: (id: string) => (id === "U1" ? "Ana" : undefined),
  channel: (id: string) => (id === "C1" ? "general" : undefined),
};

test.each([
  ["<@UBOT> hello", "hello"],
  ["hello <@UBOT|reactune>", "hello"],
  ["ask <@U1> or <@U2|bo> or <@U3>", "ask @Ana or @bo or @U3"],
  ["in <#C1> or <#C2|random>", "in #general or #random"],
  ["<!here> <!subteam^S1|@team> <!date^1^{date}|yesterday>", "@here @team yesterday"],
  [
    "<https://example.com> and <https://example.com/a?b=1&amp;c=2|this>",
    "https://example.com and [this](https://example.com/a?b=1&c=2)",
  ],
  ["<mailto:a@b.org|a@b.org> <tel:123|123>", "a@b.org 123"],
  ["*bold* _it_ ~gone~ 2*3*4", "**bold** _it_ ~~gone~~ 2*3*4"],
  ["• one\n• two", "- one\n- two"],
  ["a &lt; b &amp;&amp; c &gt; d &amp;lt;", "a < b && c > d &lt;"],
  ["`*not bold* &lt;T&gt;`", "`*not bold* <T>`"],
  ["see ```a *b*\n&lt;c&gt;``` end", "see \n```\na *b*\n<c>\n```\n end"],
  ["```<https://x.org|x.org>```", "```\nx.org\n```"],
  ["<https://x.org|[a](b)>", "[\\[a\\](b)](https://x.org)"],
])("readMrkdwn() reads %s", (mrkdwn, markdown) => {
  expect(readMrkdwn(mrkdwn, "UBOT", names)).toBe(markdown);
});

test("readEscaped() reads what is typed behind a command, and no style", () => {
  expect(readEscaped("*x* &lt;b&gt; <@U1> <https://x.org>", names)).toBe("*x* <b> @Ana https://x.org");
});

test("mentionedIds() finds people and channels, each once", () => {
  expect(mentionedIds("<@U1> <@U1> <#C1|general> <#C2> <!here>")).toEqual({ users: ["U1"], channels: ["C2"] });
});
