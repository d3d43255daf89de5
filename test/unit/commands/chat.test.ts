import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { chatInTerminal } from "#commands/chat.ts";
import type { Feedback } from "#core/feedback.ts";
import { openWorld, type WorldOptions } from "../../fixtures/dashboard/open-world.ts";

/** A person at the terminal of a whole chat. */
async function openTerminal(options: WorldOptions = {}) {
  const world = await openWorld(options);
  onTestFinished(() => world.close());
  const input = new PassThrough();
  const output = new PassThrough();
  let written = "";
  output.on("data", (chunk) => {
    written += stripVTControlCharacters(String(chunk));
  });
  const ended = chatInTerminal({
    localChat: world.connector,
    chat: world.store.chat,
    collect: async (feedback) => (await world.parts.collectFeedback(feedback)) as Feedback | undefined,
    stopReply: (turnId) => world.parts.stopTurn(turnId),
    input,
    output,
    now: Date.now,
  });
  const shows = async (words: string) => {
    for (let looks = 0; looks < 300 && !written.includes(words); looks++) await new Promise((r) => setTimeout(r, 10));
    expect(written).toContain(words);
    const shown = written;
    written = "";
    return shown;
  };
  return { ...world, shows, ended, end: () => input.end(), type: (line: string) => input.write(`${line}\n`) };
}

test("chatInTerminal() streams the reply as it grows, each word once", async () => {
  const { type, shows } = await openTerminal({
    answer: () => ({ text: "one two three four", pauseMs: 40, chunkChars: 4 }),
  });

  type("Count, please");

  expect(await shows("four\n")).toContain("reactune › one two three four\n");
});

test("chatInTerminal() scores and corrects the last reply", async () => {
  const { type, shows, store } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/rate 5");
  await shows("Scored 5. Thank you!");
  type("/teach  It comes in five days. ");
  await shows("Learned. Thank you!");

  const [conversation] = await store.chat.listConversations({ workspaceId: "local:home", limit: 1 });
  const [turn] = await store.chat.listHistory(conversation?.id ?? "", 1);
  expect(await store.chat.listFeedback(turn?.id ?? "")).toMatchObject([
    { score: 5, correction: "It comes in five days.", source: "command", userId: "terminal" },
  ]);
});

test.each([
  ["/rate 9", "Use /rate 1 (bad) to /rate 5 (good)."],
  ["/rate", "Use /rate 1 (bad)"],
  ["/rate five", "Use /rate 1 (bad)"],
  ["/teach", "Use /teach and the answer"],
  ["/dance", "There is no /dance."],
])("chatInTerminal() says how when the person types %s", async (command, words) => {
  const { type, shows } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type(command);

  await shows(words);
});

test("chatInTerminal() asks for a question first when there is no reply yet", async () => {
  const { type, shows } = await openTerminal();

  type("/rate 5");

  await shows("There is no reply yet");
});

test("chatInTerminal() asks the last question again", async () => {
  let said = 0;
  const { type, shows } = await openTerminal({ answer: () => ({ text: `answer ${++said}` }) });
  type("Where is my refund?");
  await shows("answer 1\n");

  type("/again");

  await shows("answer 2\n");
});

test("chatInTerminal() opens a new conversation", async () => {
  const { type, shows, store } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");
  type("/new");
  await shows("A new conversation.");
  type("And now?");
  await shows("You said: And now?\n");

  expect(await store.chat.listConversations({ workspaceId: "local:home", limit: 9 })).toHaveLength(2);
});

test("chatInTerminal() says why the reply is as it is", async () => {
  const { type, shows } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/why");

  const why = await shows("tokens in");
  expect(why).toContain("domain support (words: refund)");
  expect(why).toContain("adapter none (base model)");
  expect(why).toContain("cache none (a new question)");
});

test("chatInTerminal() shows the notice when a message is refused", async () => {
  const { type, shows } = await openTerminal({ messageCharsMax: 100 });

  type("x".repeat(101));

  await shows("the limit is 100");
});

test("chatInTerminal() ends when the person leaves", async () => {
  const { type, ended } = await openTerminal();

  type("/quit");

  await ended;
});

test("chatInTerminal() ends when the input does", async () => {
  const { ended, end } = await openTerminal();

  end();

  await ended;
});
