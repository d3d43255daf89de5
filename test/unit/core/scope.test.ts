import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { audienceOf, parseScopeKey, scopeKey } from "#core/scope.ts";

/** Ids as platforms make them, and as somebody would who wants to reach another scope. */
const anyId = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom("", "/", "%2F", "a/b", "*", "public", "direct:1", "a%2Fb"),
);
const anyScope = fc.record({ workspaceId: anyId, audience: anyId, domain: anyId });

describe("scopeKey()", () => {
  test("differs whenever two scopes differ", () => {
    fc.assert(
      fc.property(anyScope, anyScope, (left, right) => {
        expect(scopeKey(left) === scopeKey(right)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
    );
  });

  test("is read back by parseScopeKey()", () => {
    fc.assert(
      fc.property(anyScope, (scope) => {
        expect(parseScopeKey(scopeKey(scope))).toEqual(scope);
      }),
    );
  });

  test("keeps apart scopes whose joined parts look the same", () => {
    const left = scopeKey({ workspaceId: "slack:T1/public", audience: "x", domain: "legal" });
    const right = scopeKey({ workspaceId: "slack:T1", audience: "public/x", domain: "legal" });

    expect(left).not.toBe(right);
  });
});

describe("parseScopeKey()", () => {
  test("throws when a part is missing", () => {
    expect(() => parseScopeKey("slack:T1/public")).toThrow("fewer than three parts");
  });
});

describe("audienceOf()", () => {
  test("is one for all public channels and one for each other place", () => {
    const places = (["public", "private", "direct"] as const).flatMap((visibility) =>
      ["1", "2"].map((channelId) => audienceOf(visibility, channelId)),
    );

    expect(new Set(places)).toEqual(new Set(["public", "channel:1", "channel:2", "direct:1", "direct:2"]));
  });
});
