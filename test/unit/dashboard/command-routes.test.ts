import { afterAll, beforeAll, expect, test } from "vitest";
import { createDashboard, type Listening } from "#dashboard/dashboard.ts";
import { apiClient } from "../../fixtures/dashboard/api-client.ts";
import { openWorld, type World } from "../../fixtures/dashboard/open-world.ts";
import { openTerminalCommands } from "../commands/terminal-commands.ts";

let world: World;
let listening: Listening;
let url: string;
let calls = 0;
const callId = () => `call-${String(++calls).padStart(8, "0")}`;

/** The settings of the commands live as long as a test: each asks for its own. */
async function openPerson() {
  const chatCommands = await openTerminalCommands(world);
  await listening?.close();
  listening = await createDashboard({ ...world.parts, chatCommands }).listen("127.0.0.1", 0);
  url = listening.url;
  const person = apiClient(url);
  return {
    ...person,
    person,
    run: async (line: string, given: object = {}) =>
      (await person.post("/api/commands", { line, callId: callId(), ...given })).body,
    complete: async (line: string) => (await person.post("/api/commands/complete", { line })).body,
  };
}

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await listening.close();
  await world.close();
});

test("POST /api/commands/complete offers commands with what they do, then values, and says how it is written", async () => {
  const { complete } = await openPerson();

  const { choices } = await complete("/re");
  expect(choices).toContainEqual({ line: "/report ", label: "/report", about: expect.stringContaining("admins") });
  expect(await complete("/rate ")).toMatchObject({
    usage: "/rate [score 1-5] [comment…]",
    option: "1 (bad) to 5 (good)",
    choices: ["1", "2", "3", "4", "5"].map((label) => ({ label, line: `/rate ${label} ` })),
  });
  expect((await complete("/train s")).choices).toMatchObject([{ line: "/train support " }]);
  expect(await complete("What is /help?")).toEqual({ choices: [] });
});

test("POST /api/commands rates the last reply of the open conversation, for this person alone", async () => {
  const ana = await openPerson();
  const turn = await ana.person.ask("Where is my order?");
  const bo = apiClient(url);

  const { text } = await ana.run("/rate 5 helpful", { conversationId: turn.conversationId });

  expect(text).toContain("Scored 5");
  expect(await world.store.chat.listFeedback(turn.id)).toMatchObject([{ score: 5, comment: "helpful" }]);
  const other = { line: "/rate 1", callId: callId(), conversationId: turn.conversationId };
  expect((await bo.post("/api/commands", other)).status).toBe(404);
  expect((await bo.post("/api/commands", { line: "/rate 1", callId: callId() })).body.text).toContain(
    "nothing here yet",
  );
});

test("POST /api/commands shows the readiness bars as a picture, with words beside it", async () => {
  const { run } = await openPerson();

  const { text, image } = await run("/status");

  expect(text).toContain("░");
  expect(image.alt).toContain("Readiness of all domains");
  expect(Buffer.from(image.src.replace("data:image/png;base64,", ""), "base64").subarray(1, 4).toString()).toBe("PNG");
});

test("POST /api/commands asks to confirm, and acts when the options come back", async () => {
  const ana = await openPerson();
  const turn = await ana.person.ask("Where is my order?");
  const place = { conversationId: turn.conversationId };

  const asked = await ana.run("/privacy forget", place);
  expect(asked.confirm.options).toMatchObject({ action: "forget", confirm: "yes" });
  expect((await world.store.chat.findTurn(turn.id))?.status).toBe("complete");
  const done = await ana.run("/privacy forget", { ...place, options: asked.confirm.options });

  expect(done.confirm).toBeUndefined();
  expect((await world.store.chat.findTurn(turn.id))?.status).toBe("deleted");
});

test("POST /api/commands asks by a form, and takes what was filled in", async () => {
  const ana = await openPerson();
  const turn = await ana.person.ask("Where is my order?");
  const place = { conversationId: turn.conversationId };

  const { form } = await ana.run("/teach", place);
  expect(form.fields).toMatchObject([{ isLong: true, isRequired: true }]);
  const [field] = form.fields;
  await ana.run("/teach", { ...place, isForm: true, options: { ...form.options, [field.name]: "On its way" } });

  expect(await world.store.chat.listFeedback(turn.id)).toMatchObject([{ correction: "On its way" }]);
});

test("POST /api/commands hands out an export as a file, and a question to ask", async () => {
  const ana = await openPerson();
  await ana.person.ask("Where is my plum?");

  const { file } = await ana.run("/privacy export");
  expect(Buffer.from(file.base64, "base64").toString()).toContain("Where is my plum?");
  expect(await ana.run("/ask what is up?")).toMatchObject({ ask: "what is up?" });
});

test.each([
  ["an unknown command", "/dance", "There is no command"],
  ["an option that does not fit", "/rate 9", "score must be a whole number from 1 to 5"],
])("POST /api/commands answers %s with words", async (_name, line, words) => {
  const { run } = await openPerson();

  expect((await run(line)).text).toContain(words);
});

test("POST /api/commands runs a call once when it is sent twice", async () => {
  const ana = await openPerson();
  await ana.person.ask("Where is my order?");
  const body = { line: "/new", callId: callId() };

  const first = (await ana.post("/api/commands", body)).body.text;
  const second = (await ana.post("/api/commands", body)).body.text;

  expect(second).toBe(first);
});

test("POST /api/commands refuses what is no call", async () => {
  const { post } = await openPerson();

  expect((await post("/api/commands", { line: "/help" })).status).toBe(400);
  expect((await post("/api/commands", { line: "/help", callId: callId(), userId: "boss" })).status).toBe(400);
});
