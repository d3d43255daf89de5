import { expect, test } from "vitest";
import { statusCommand } from "#bots/command-training.ts";
import { ADMIN, openCommandWorld } from "./command-world.ts";

/** A workspace that allows training and has two liked answers about support. */
async function openLearning(level: "off" | "adapters" = "adapters") {
  const world = await openCommandWorld();
  const changedAtMs = world.clock.nowMs;
  const permission = { workspaceId: "discord:1", level, grantedBy: "boss", wordingVersion: 1, changedAtMs };
  await world.store.people.putPermission(permission);
  const admin = async (line: string, given = {}) => world.say(line, { ...ADMIN, ...given });
  return {
    ...world,
    admin,
    async like(questions: number, given = {}) {
      for (let asked = 0; asked < questions; asked++) {
        const turn = await world.askHere(`Where is refund number ${asked}?`, given);
        await world.say("/rate 5", { messageId: `${turn.id}.0`, ...given });
      }
    },
  };
}

test("/status shows the domains as bars and a picture, what answers, and what is missing", async () => {
  const { admin, like } = await openLearning();
  await like(1);

  const { text, image } = await admin("/status support");

  expect(text).toMatch(/[🔴🟡✅] `▓+░*` \d+ % \*\*support\*\* · base model/u);
  expect(text).toContain("**technical**");
  expect(text).toContain("- 1 more liked (🙂 😍) or corrected reply in this domain");
  expect(text).toContain("Learning permission: `adapters`");
  expect(image).toMatchObject({ name: "readiness.png", alt: expect.stringContaining("examples 1 of 2") });
});

test("/status counts the public channels alone, or the private place where it was called", async () => {
  const { admin, like } = await openLearning();
  const room = { channelId: "room", visibility: "private" } as const;
  await like(2, room);

  expect((await admin("/status support")).text).toContain("1 more scored reply");
  expect((await admin("/status support", room)).text).toContain("Ready: `/train support` starts it.");
  expect((await admin("/status support", { ...room, channelId: "other" })).text).toContain("1 more scored reply");
});

test("/status shows its bars when the picture cannot be drawn", async () => {
  const { commandParts, callOf, lines } = await openLearning();
  const parts = {
    ...commandParts,
    async drawReadiness() {
      throw new Error("no fonts");
    },
  };

  const reply = await statusCommand(parts).run(callOf("status", ADMIN));

  expect(reply.image).toBeUndefined();
  expect(reply.text).toContain("**support**");
  expect(lines).toContainEqual(expect.objectContaining({ event: "readiness.not-drawn" }));
});

test("/train says what is missing, and starts nothing, until a domain is ready", async () => {
  const { admin, like, store } = await openLearning();
  await like(1);

  expect((await admin("/train")).text).toContain("**all domains**");
  expect((await admin("/train support")).text).toContain("Still missing:");
  await like(2);
  expect((await admin("/train support check")).text).toContain("Ready: `/train support` starts it.");

  expect(await store.learning.listRuns({ limit: 9 })).toEqual([]);
});

test("/train asks for a run of the call's workspace and audience, once, and leaves an audit entry", async () => {
  const { admin, like, store, audit } = await openLearning();
  await like(2);

  expect((await admin("/train support")).text).toContain("Training of **support** is asked for");
  expect((await admin("/train support")).text).toContain("is under way already");

  const runs = await store.learning.listRuns({ limit: 9 });
  const scope = { workspaceId: "discord:1", audience: "public", domain: "support" };
  expect(runs).toMatchObject([{ scope, requestedBy: "boss", state: "queued" }]);
  expect(await audit()).toMatchObject([{ who: "boss", what: "training.requested support", after: runs[0]?.id }]);
  expect((await admin("/status")).text).toContain(`⏳ support: run \`${runs[0]?.id}\` is queued`);
});

test.each(["/status support", "/train", "/train support", "/train support check"])(
  "%s says how to allow training, and does not offer it, when the workspace does not allow it",
  async (line) => {
    const { admin, like, store } = await openLearning("off");
    await like(2);

    const { text } = await admin(line);

    expect(text).toContain("until an admin calls `/learning allow adapters`");
    expect(text).not.toContain("Ready:");
    expect(await store.learning.listRuns({ limit: 9 })).toEqual([]);
  },
);

test("/train asks for one run when two admins call it at once", async () => {
  const { admin, like, store } = await openLearning();
  await like(2);

  await Promise.all([admin("/train support"), admin("/train support", { userId: "other" })]);

  expect(await store.learning.listRuns({ limit: 9 })).toHaveLength(1);
});

test("/status offers no run while one is under way, and tells how it ended", async () => {
  const { admin, like, store, clock } = await openLearning();
  await like(2);
  await admin("/train support");
  const [run] = await store.learning.listRuns({ limit: 1 });
  if (run === undefined) throw new Error("No run was asked for");

  expect((await admin("/status support")).text).not.toContain("Ready:");
  await store.learning.saveRun({ ...run, state: "rejected", verdict: "Grade F", endedAtMs: clock.nowMs });

  const { text } = await admin("/status support");
  expect(text).toMatch(/🏁 support: run `run-\w+` ended on \d{4}-\d\d-\d\d: rejected\. Grade F\n/u);
  expect(text).toContain("1 more liked or corrected reply since the last training");
});

test("/train names the domains when it is given another", async () => {
  const { admin } = await openLearning();

  expect((await admin("/train cooking")).text).toContain("Use one of: support, technical, general");
});

test("complete() suggests domains by their first letters", async () => {
  const { runner, callOf } = await openLearning();

  expect(await runner.complete(callOf("train", ADMIN), "domain", "S")).toEqual([{ name: "support", value: "support" }]);
});
