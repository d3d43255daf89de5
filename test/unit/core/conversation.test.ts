import { describe, expect, test } from "vitest";
import { type Conversation, isOpen, titleOf } from "#core/conversation.ts";

const GAP_MS = 1000;
const conversation: Conversation = {
  id: "c1",
  platform: "local",
  workspaceId: "local:home",
  channelId: "web",
  visibility: "public",
  audience: "public",
  domain: "general",
  arms: [],
  openedAtMs: 0,
  lastTurnAtMs: 5000,
  turns: 1,
  title: "",
};

describe("isOpen()", () => {
  test("holds until the gap has passed", () => {
    expect(isOpen(conversation, 6000, GAP_MS)).toBe(true);
    expect(isOpen(conversation, 6001, GAP_MS)).toBe(false);
  });

  test("ends at once when the conversation was closed", () => {
    expect(isOpen({ ...conversation, closedAtMs: 5001 }, 5002, GAP_MS)).toBe(false);
  });
});

describe("titleOf()", () => {
  test("puts a question on one line", () => {
    expect(titleOf("  How\n\tdo I \r\n return it? ")).toBe("How do I return it?");
  });

  test("cuts after 60 characters, never inside one", () => {
    const title = titleOf("😀".repeat(61));

    expect(Array.from(title)).toHaveLength(60);
    expect(title).toBe(`${"😀".repeat(59)}…`);
    expect(titleOf("😀".repeat(60))).toBe("😀".repeat(60));
  });
});
