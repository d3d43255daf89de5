import { randomUUID } from "node:crypto";
import { PassThrough } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { CommandFile } from "#bots/chat-command.ts";
import { chatInTerminal } from "#commands/chat.ts";
import { openWorld, type WorldOptions } from "../../fixtures/dashboard/open-world.ts";
import { openTerminalCommands } from "./terminal-commands.ts";

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
  const { commands, runner } = await openTerminalCommands(world);
  const saved: CommandFile[] = [];
  const ended = chatInTerminal({
    localChat: world.connector,
    commands,
    runner,
    stopReply: (turnId) => world.parts.stopTurn(turnId),
    async saveFile(file) {
      saved.push(file);
      return `/home/ana/${file.name}`;
    },
    input,
    output,
    now: Date.now,
    newId: randomUUID,
  });
  const shows = async (words: string) => {
    for (let looks = 0; looks < 300 && !written.includes(words); looks++) await new Promise((r) => setTimeout(r, 10));
    expect(written).toContain(words);
    const shown = written;
    written = "";
    return shown;
  };
  return { ...world, shows, saved, ended, end: () => input.end(), type: (line: string) => input.write(`${line}\n`) };
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
  ["/rate 9", "score must be a whole number from 1 to 5. Use /rate [score 1-5] [comment…]"],
  ["/rate five", "score must be a whole number from 1 to 5"],
  ["/dance", 'There is no command "dance" here. /help lists what there is.'],
  ["/", 'There is no command ""'],
])("chatInTerminal() says how when the person types %s", async (command, words) => {
  const { type, shows } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type(command);

  await shows(words);
});

test("chatInTerminal() asks for a question first when there is no reply yet", async () => {
  const { type, shows } = await openTerminal();

  type("/again");
  await shows("There is no reply yet");
  type("/rate 5");
  await shows("I have answered nothing here yet: ask something first.");
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
  expect(why).toContain("Domain support (words: refund)");
  expect(why).toContain("Adapter none (base model)");
  expect(why).toContain("Cache none (a new question)");
});

test("chatInTerminal() shows the notice when a message is refused", async () => {
  const { type, shows } = await openTerminal({ messageCharsMax: 100 });

  type("x".repeat(101));

  await shows("the limit is 100");
});

test("chatInTerminal() asks for what a form asks for, a field a line", async () => {
  const { type, shows, store } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/rate");
  await shows("Score, 1 (bad) to 5 (good) ›");
  type("4");
  await shows("Why (optional) ›");
  type("Nearly");
  await shows("Scored 4. Thank you!");

  const [conversation] = await store.chat.listConversations({ workspaceId: "local:home", limit: 1 });
  const [turn] = await store.chat.listHistory(conversation?.id ?? "", 1);
  expect(await store.chat.listFeedback(turn?.id ?? "")).toMatchObject([{ score: 4, comment: "Nearly" }]);
});

test("chatInTerminal() leaves a form when what must be given is left out", async () => {
  const { type, shows } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/teach");
  await shows("The better answer ›");
  type("");

  await shows("Left as it is.");
});

test("chatInTerminal() does what must be confirmed after a yes only", async () => {
  const { type, shows, store } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/privacy forget");
  await shows("Erase it all? (yes or no) ›");
  type("no");
  type("/privacy");
  await shows("1 question with the answers");
  type("/privacy forget");
  await shows("Erase it all?");
  type("yes");
  await shows("you ›");

  expect((await store.privacy.exportPerson("local:home", "terminal")).turns).toEqual([]);
});

test("chatInTerminal() saves what a command gives as a file, and tells where it is", async () => {
  const { type, shows, saved } = await openTerminal();
  type("Where is my refund?");
  await shows("You said: Where is my refund?\n");

  type("/privacy export");
  await shows("It is in /home/ana/reactune-my-data-");

  expect(new TextDecoder().decode(saved[0]?.contents)).toContain("Where is my refund?");
});

test("chatInTerminal() asks a question by its command, and shows what an admin may see", async () => {
  const { type, shows } = await openTerminal();

  type("/ask Where is my refund?");
  await shows("reactune › You said: Where is my refund?\n");
  type("/status");
  await shows("support · base model");
  type("/settings set conversation.overlap join");

  await shows("conversation.overlap is now");
});

test("chatInTerminal() answers what was typed ahead before the input ended", async () => {
  const { type, shows, end, ended } = await openTerminal();

  type("One?");
  type("/rate 5");
  end();

  await shows("Scored 5. Thank you!");
  await ended;
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
