import { expect, test } from "vitest";
import { LEARNING_WORDING } from "#bots/learning-permission.ts";
import { ADMIN, openCommandWorld } from "./command-world.ts";

async function openPermission() {
  const world = await openCommandWorld();
  return {
    ...world,
    admin: (line: string) => world.say(line, ADMIN),
    level: async () => (await world.store.people.getPermission("discord:1"))?.level,
  };
}

test("/learning shows that a workspace of Discord starts at off", async () => {
  const { admin } = await openPermission();

  expect((await admin("/learning")).text).toContain("Learning is `off` (nobody said anything yet)");
});

test("/learning allow shows the wording, and allows only what was confirmed with it", async () => {
  const { admin, level, confirm, store, clock } = await openPermission();

  const asked = await admin("/learning allow adapters");
  expect(asked.text).toContain(LEARNING_WORDING.text);
  expect(await level()).toBeUndefined();
  await confirm(
    "learning",
    asked,
    new Map([
      ["action", "allow"],
      ["level", "adapters"],
    ]),
    ADMIN,
  );

  expect(await store.people.getPermission("discord:1")).toEqual({
    workspaceId: "discord:1",
    level: "adapters",
    grantedBy: "boss",
    wordingVersion: LEARNING_WORDING.version,
    changedAtMs: clock.nowMs,
  });
  expect((await admin("/learning show")).text).toContain("Learning is `adapters` (set by `boss` on ");
});

test("/learning allow shows the wording again when another version was confirmed", async () => {
  const { admin, level } = await openPermission();

  expect((await admin(`/learning allow examples wording-${LEARNING_WORDING.version - 1}`)).text).toContain(
    LEARNING_WORDING.text,
  );
  expect((await admin("/learning allow examples yes")).text).toContain(LEARNING_WORDING.text);

  expect(await level()).toBeUndefined();
});

test("/learning off takes effect at once and is audited", async () => {
  const { admin, level, audit } = await openPermission();
  await admin(`/learning allow examples wording-${LEARNING_WORDING.version}`);
  expect(await level()).toBe("examples");

  expect((await admin("/learning off")).text).toContain("is now `off`");

  expect(await level()).toBe("off");
  expect(await audit()).toMatchObject([
    { who: "boss", before: "examples", after: "off", workspaceId: "discord:1" },
    { who: "boss", before: "off", after: "examples" },
  ]);
});

test("/learning allow asks for a level", async () => {
  const { admin } = await openPermission();

  expect((await admin("/learning allow")).text).toContain("`/learning allow examples` or `/learning allow adapters`");
});
