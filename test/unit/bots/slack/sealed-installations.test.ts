import { expect, test } from "vitest";
import { createSeal, sealedInstallations } from "#bots/slack/sealed-installations.ts";
import { openTempStore } from "../../store/sqlite/temp-store.ts";

const KEY = new Uint8Array(32).fill(1);
const seal = createSeal(KEY);

const installation = {
  team: { id: "T2" },
  enterprise: undefined,
  user: { token: undefined, scopes: undefined, id: "UADMIN" },
  bot: { token: "xoxb-very-secret", scopes: ["chat:write"], id: "B2", userId: "UBOT2" },
};

test("createSeal() opens what it sealed, and hides it", () => {
  const sealed = seal.seal("xoxb-very-secret", "slack:T2");

  expect(seal.open(sealed, seal.keyId, "slack:T2")).toBe("xoxb-very-secret");
  expect(Buffer.from(sealed, "base64").toString("latin1")).not.toContain("secret");
  expect(seal.seal("xoxb-very-secret", "slack:T2")).not.toBe(sealed);
  expect(seal.keyId).toMatch(/^[0-9a-f]{8}$/);
});

test("createSeal() refuses another key with the remedy", () => {
  const sealed = seal.seal("x", "slack:T2");
  const other = createSeal(new Uint8Array(32).fill(2));

  expect(() => other.open(sealed, seal.keyId, "slack:T2")).toThrow(
    expect.objectContaining({
      code: "PLATFORM_REFUSED",
      reason: "credentials",
      hint: expect.stringContaining("REACTUNE_ENCRYPTION_KEY"),
    }),
  );
});

test.each([
  [
    "a changed byte",
    (sealed: string) => sealed.slice(0, 50) + (sealed[50] === "A" ? "B" : "A") + sealed.slice(51),
    "slack:T2",
  ],
  ["another workspace", (sealed: string) => sealed, "slack:T3"],
  ["no text at all", () => "", "slack:T2"],
  ["a short tag", (sealed: string) => Buffer.from(sealed, "base64").subarray(0, 20).toString("base64"), "slack:T2"],
])("createSeal() refuses %s", (_what, change, context) => {
  const sealed = seal.seal("a longer text of some length!!", "slack:T2");

  expect(() => seal.open(change(sealed), seal.keyId, context)).toThrow(
    expect.objectContaining({ code: "PLATFORM_REFUSED" }),
  );
});

test("createSeal() refuses a key that is no key", () => {
  expect(() => createSeal(new Uint8Array(16))).toThrow("16 bytes");
});

test("sealedInstallations() keeps, lists and forgets workspaces; the store never sees a token", async () => {
  const { platforms } = openTempStore();
  const installations = sealedInstallations(platforms, seal, () => 5);

  await installations.save(installation);

  expect(await installations.find("T2")).toMatchObject({ botToken: "xoxb-very-secret", installerId: "UADMIN" });
  expect(await installations.list()).toHaveLength(1);
  expect(JSON.stringify(await platforms.listInstallations("slack"))).not.toContain("very-secret");
  await installations.remove("T2");
  expect(await installations.find("T2")).toBeUndefined();
});

test("sealedInstallations() refuses an installation into a whole organisation", async () => {
  const installations = sealedInstallations(openTempStore().platforms, seal, () => 5);
  const { bot: _bot, ...withoutBot } = installation;

  await expect(installations.save(withoutBot)).rejects.toMatchObject({ reason: "invalid" });
});
