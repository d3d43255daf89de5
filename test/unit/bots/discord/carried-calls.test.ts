import { describe, expect, test } from "vitest";
import type { CommandCall } from "#bots/chat-command.ts";
import { createCarriedCalls } from "#bots/discord/carried-calls.ts";

const NOW_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;
const CALL: CommandCall = {
  command: "agree",
  platform: "discord",
  callId: "discord:1",
  workspaceId: "discord:100000000000000001",
  channelId: "200000000000000001",
  visibility: "public",
  userId: "700000000000000001",
  roles: [],
  isAdmin: false,
  options: new Map(),
  messageId: "1400000000000000001",
  atMs: NOW_MS,
};
/** As `/agree` confirms it, the longest that a command of ours asks for. */
const OPTIONS = new Map([["confirm", `1400000000000000002@${NOW_MS}`]]);

describe("createCarriedCalls()", () => {
  test("lets another process with the same token read what one wrote", () => {
    const id = createCarriedCalls("token", () => NOW_MS).write("confirm", CALL, OPTIONS) ?? "";

    const read = createCarriedCalls("token", () => NOW_MS + HOUR_MS).read(id, CALL.userId);

    expect(id.length).toBeLessThanOrEqual(100);
    expect(read).toMatchObject({
      kind: "confirm",
      call: { command: "agree", messageId: CALL.messageId, options: OPTIONS },
    });
  });

  test("keeps letters of every kind, and separators", () => {
    const carried = createCarriedCalls("token", () => NOW_MS);
    const options = new Map([["domain", "ä:&=%\n"]]);
    const { messageId: _, ...call } = CALL;
    const id = carried.write("open", call, options) ?? "";

    expect(carried.read(id, CALL.userId)?.call).toEqual({ command: "agree", options });
  });

  test.each([
    { what: "another person's", userId: "700000000000000002", change: (id: string) => id },
    { what: "changed", userId: CALL.userId, change: (id: string) => id.replace("agree", "train") },
    { what: "of another kind", userId: CALL.userId, change: (id: string) => id.replace("confirm:", "form:") },
    { what: "none of ours", userId: CALL.userId, change: () => "pending:1" },
  ])("read() knows nothing of a component that is $what", ({ userId, change }) => {
    const carried = createCarriedCalls("token", () => NOW_MS);
    const id = carried.write("confirm", CALL, OPTIONS) ?? "";

    expect(carried.read(change(id), userId)).toBeUndefined();
  });

  test("read() knows nothing of a component of another token, or of more than an hour ago", () => {
    const id = createCarriedCalls("token", () => NOW_MS).write("confirm", CALL, OPTIONS) ?? "";

    expect(createCarriedCalls("other", () => NOW_MS).read(id, CALL.userId)).toBeUndefined();
    expect(createCarriedCalls("token", () => NOW_MS + HOUR_MS + 1).read(id, CALL.userId)).toBeUndefined();
  });

  test("write() gives nothing when the call is longer than Discord carries", () => {
    const options = new Map([["domain", "x".repeat(80)]]);

    expect(createCarriedCalls("token", () => NOW_MS).write("confirm", CALL, options)).toBeUndefined();
  });
});
