import { expect, test } from "vitest";
import type { ChatCommand, CommandCall } from "#bots/chat-command.ts";
import { createCommandRunner, isAdminCall } from "#bots/run-command.ts";
import {
  InferenceUnavailableError,
  NotReadyError,
  RedisUnavailableError,
  StoreUnreachableError,
} from "#core/errors.ts";
import { fixedSettings } from "../../fixtures/bots/fixed-settings.ts";
import { ADMIN, openCommandWorld } from "./command-world.ts";

/** A runner of one command, and the calls that reached it. */
async function openRunner(given: Partial<ChatCommand> = {}) {
  const world = await openCommandWorld();
  const ran: CommandCall[] = [];
  const command: ChatCommand = {
    name: "probe",
    description: "Says what it was given",
    access: "everyone",
    options: [{ name: "text", description: "Anything", kind: "text", isRequired: false, isCompleted: true }],
    async run(call) {
      ran.push(call);
      return { text: `ran ${ran.length}` };
    },
    complete: async (_call, _option, typed) =>
      Array.from({ length: 40 }, (_, at) => ({ name: `${typed}${at}`, value: `${at}` })),
    ...given,
  };
  const open = () => createCommandRunner([command], world.runnerParts);
  return { ...world, ran, command, open, runner: open() };
}

test("run() gives the command its checked options and its reply back", async () => {
  const { runner, callOf, ran } = await openRunner();

  const reply = await runner.run(
    callOf("probe", {
      options: new Map([
        ["text", " a "],
        ["other", "b"],
      ]),
    }),
  );

  expect(reply).toEqual({ text: "ran 1" });
  expect(ran[0]?.options).toEqual(new Map([["text", "a"]]));
});

test("run() says that there is no such command, also for one of another platform", async () => {
  const { runner, callOf } = await openRunner({ platforms: ["slack"] });

  expect((await runner.run(callOf("dance"))).text).toContain('There is no command "dance" here.');
  expect((await runner.run(callOf("probe"))).text).toContain('There is no command "probe" here.');
  expect((await runner.run(callOf("probe", { platform: "slack" }))).text).toBe("ran 1");
});

test.each([
  new StoreUnreachableError("10.0.0.5:27017"),
  new RedisUnavailableError("10.0.0.5:6379", "it is not connected"),
  new InferenceUnavailableError("http://10.0.0.5:11434"),
])("run() names no machine of the operator to who chats on a platform: $code", async (error) => {
  const { runner, callOf, lines } = await openRunner({
    async run() {
      throw error;
    },
  });

  const { text } = await runner.run(callOf("probe", ADMIN));

  expect(text).toContain("Please try again in a minute");
  expect(text).not.toContain("10.0.0.5");
  expect((await runner.run(callOf("probe", { platform: "local" }))).text).toContain("10.0.0.5");
  expect(lines).toContainEqual(
    expect.objectContaining({ event: "command.failed", fields: expect.objectContaining({ code: error.code }) }),
  );
});

test("run() runs a call once however often it is delivered, here and in another process", async () => {
  const { runner, callOf, ran, open } = await openRunner();
  const call = callOf("probe");

  const replies = await Promise.all([runner.run(call), runner.run(call)]);
  const elsewhere = await open().run(call);

  expect(ran).toHaveLength(1);
  expect(replies).toEqual([{ text: "ran 1" }, { text: "ran 1" }]);
  expect(elsewhere.text).toContain("answered already");
  expect(elsewhere.isRepeat).toBe(true);
});

test("run() knows a call again that is delivered on both sides of midnight", async () => {
  const { callOf, ran, open, clock } = await openRunner();
  const dayMs = 86_400_000;
  clock.nowMs = Math.ceil(clock.nowMs / dayMs) * dayMs - 1500;
  const call = callOf("probe");
  await open().run(call);

  clock.nowMs += 120_000;
  await open().run(call);

  expect(ran).toHaveLength(1);
});

test("run() forgets the marks of days gone by", async () => {
  const { callOf, open, clock, runnerParts } = await openRunner();
  const call = callOf("probe");
  await open().run(call);
  const day = Math.floor(clock.nowMs / 86_400_000);

  clock.nowMs += 3 * 86_400_000;
  await open().run(callOf("probe"));

  expect(await runnerParts.platforms.takeMark(`command:${day} ${call.workspaceId} ${call.callId}`, clock.nowMs)).toBe(
    true,
  );
});

test("run() refuses a command of admins to others, and leaves an audit entry", async () => {
  const { runner, callOf, ran, audit } = await openRunner({ access: "admin" });

  expect((await runner.run(callOf("probe"))).text).toBe("Only admins of this workspace may use `/probe`.");
  expect((await runner.run(callOf("probe", ADMIN))).text).toBe("ran 1");

  expect(ran).toHaveLength(1);
  expect(await audit()).toMatchObject([{ who: "ana", what: "command.refused /probe", workspaceId: "discord:1" }]);
});

test("run() says what is wrong with the options", async () => {
  const { runner, callOf, ran } = await openRunner({
    options: [{ name: "count", description: "How many", kind: "number", isRequired: true, min: 1, max: 3 }],
  });

  expect((await runner.run(callOf("probe"))).text).toContain("count is missing: How many");
  expect((await runner.run(callOf("probe", { options: new Map([["count", "9"]]) }))).text).toContain("from 1 to 3");
  expect(ran).toEqual([]);
});

test("run() turns an expected failure into its words and what to do", async () => {
  const { runner, callOf } = await openRunner({
    run: async () => {
      throw new NotReadyError("support", "red");
    },
  });

  expect((await runner.run(callOf("probe"))).text).toBe(
    'Cannot train domain "support": readiness is red. Run `reactune readiness` to see what is missing',
  );
});

test("run() logs a bug without the words that it may quote", async () => {
  const { runner, callOf, lines } = await openRunner({
    run: async () => JSON.parse("my secret words"),
  });

  const reply = await runner.run(callOf("probe"));

  expect(reply.text).toContain("Something went wrong on my side");
  const crash = lines.find(({ event }) => event === "command.crashed");
  expect(crash?.fields).toMatchObject({ command: "probe", error: "SyntaxError", at: expect.arrayContaining([]) });
  expect(JSON.stringify(lines)).not.toContain("secret");
});

test("run() slows one person down and nobody else", async () => {
  const { runner, callOf, ran, clock } = await openRunner();
  const callsAt = clock.nowMs;
  for (let calls = 0; calls < 30; calls++) await runner.run(callOf("probe"));
  clock.nowMs = callsAt;

  expect((await runner.run(callOf("probe"))).text).toMatch(/That was a lot at once\. Please try again in \d+ seconds/u);
  await runner.run(callOf("probe", { userId: "ben" }));
  await runner.run(callOf("probe", { workspaceId: "discord:2" }));

  expect(ran).toHaveLength(32);
});

test("complete() suggests at most 25, to whoever may call the command only", async () => {
  const open = await openRunner();
  const admins = await openRunner({ access: "admin" });

  expect(await open.runner.complete(open.callOf("probe"), "text", "x")).toHaveLength(25);
  expect(await open.runner.complete(open.callOf("probe"), "other", "x")).toEqual([]);
  expect(await open.runner.complete(open.callOf("dance"), "text", "x")).toEqual([]);
  expect(await admins.runner.complete(admins.callOf("probe"), "text", "x")).toEqual([]);
  expect(await admins.runner.complete(admins.callOf("probe", ADMIN), "text", "x")).toHaveLength(25);
});

test("complete() suggests nothing when looking it up fails", async () => {
  const { runner, callOf, lines } = await openRunner({
    complete: async () => {
      throw new TypeError("broken");
    },
  });

  expect(await runner.complete(callOf("probe"), "text", "x")).toEqual([]);
  expect(lines).toContainEqual(expect.objectContaining({ event: "command.crashed" }));
});

test("isAdminCall() takes the roles of the workspace, not those of a channel or another workspace", async () => {
  const { callOf } = await openRunner();
  const settings = fixedSettings(({ workspaceId, channelId }) => ({
    adminRoles: workspaceId !== "discord:1" ? ["elsewhere"] : channelId === undefined ? ["mods"] : ["channel"],
  }));

  expect(isAdminCall(callOf("probe", { roles: ["mods"] }), settings)).toBe(true);
  expect(isAdminCall(callOf("probe", { roles: ["elsewhere", "channel"] }), settings)).toBe(false);
});
