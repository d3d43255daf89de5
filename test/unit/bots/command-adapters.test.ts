import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { CommandReply } from "#bots/chat-command.ts";
import { SCRIPTED_BASE } from "../../fixtures/dashboard/scripted-engine.ts";
import { ADMIN, openCommandWorld } from "./command-world.ts";

const SUPPORT = { workspaceId: "discord:1", audience: "public", domain: "support" };

async function openAdapters() {
  const world = await openCommandWorld();
  const granted = { level: "adapters", grantedBy: "boss", wordingVersion: 1, changedAtMs: 1 } as const;
  await world.store.people.putPermission({ workspaceId: "discord:1", ...granted });
  return {
    ...world,
    admin: (line: string, given = {}) => world.say(line, { ...ADMIN, ...given }),
    active: async (scope = SUPPORT) => (await world.store.learning.getService(scope))?.active,
    async make(name: string, scope = SUPPORT): Promise<{ readonly digest: string; readonly name: string }> {
      const path = join(world.folder, `${name}.source`);
      writeFileSync(path, `GGUF ${name}`);
      const { digest, bytes } = await world.files.put(path);
      const adapter = { digest, bytes, name: `reactune-${name}`, baseDigest: SCRIPTED_BASE.digest, scope };
      const made = { runId: "run-1", datasetHash: "d".repeat(64), grade: "B", state: "candidate" } as const;
      await world.store.learning.saveAdapter({ ...adapter, ...made, createdAtMs: world.clock.nowMs++ });
      return { digest, name: adapter.name };
    },
  };
}

test("/adapters lists what was learned in the workspace and audience of the call, nothing else", async () => {
  const { admin, make } = await openAdapters();
  expect((await admin("/adapters")).text).toContain("Nothing was learned here yet");
  await make("ours");
  await make("abroad", { ...SUPPORT, workspaceId: "discord:2" });
  await make("room", { ...SUPPORT, audience: "channel:room" });

  const inPublic = (await admin("/adapters")).text;
  const inRoom = (await admin("/adapters", { channelId: "room", visibility: "private" })).text;

  expect(inPublic).toContain("- `reactune-ours` support, grade B, candidate");
  expect(inPublic).not.toMatch(/abroad|room/u);
  expect(inRoom).toContain("reactune-room");
  expect(inRoom).not.toMatch(/ours|abroad/u);
});

test("/adapters activate puts one into service by name or digest, and leaves an audit entry", async () => {
  const { admin, make, active, audit } = await openAdapters();
  const one = await make("one");
  const two = await make("two");

  expect((await admin("/adapters activate reactune-one")).text).toContain("answers new conversations about support");
  expect(await active()).toBe(one.digest);
  await admin(`/adapters activate ${two.digest.slice(0, 8)}`);
  expect(await active()).toBe(two.digest);
  expect((await admin("/adapters activate reactune-two")).text).toContain("is in service already");

  expect(await audit()).toMatchObject([
    { who: "boss", before: one.digest, after: two.digest, workspaceId: "discord:1" },
    { who: "boss", before: "base", after: one.digest },
  ]);
});

test("/adapters activate reaches no adapter of another workspace or audience, whatever it is called by", async () => {
  const { admin, make, audit } = await openAdapters();
  const abroad = await make("abroad", { ...SUPPORT, workspaceId: "discord:2" });
  const room = await make("room", { ...SUPPORT, audience: "channel:room" });

  for (const text of [abroad.digest, abroad.name, room.digest, room.name, "", "abc"]) {
    expect((await admin(`/adapters activate ${text}`)).text).toMatch(/Cannot find adapter|Which one\?/u);
  }
  expect(await audit()).toEqual([]);
});

test("complete() suggests adapters that can be activated here", async () => {
  const { runner, callOf, make } = await openAdapters();
  const one = await make("one");
  await make("abroad", { ...SUPPORT, workspaceId: "discord:2" });

  expect(await runner.complete(callOf("adapters", ADMIN), "adapter", "re")).toEqual([
    { name: "reactune-one (support, grade B)", value: one.digest.slice(0, 24) },
  ]);
});

test("/rollback tells what will answer, and does it when it is confirmed", async () => {
  const { admin, make, active, confirm, audit } = await openAdapters();
  const one = await make("one");
  const two = await make("two");
  await admin("/adapters activate reactune-one");
  await admin("/adapters activate reactune-two");

  const asked = await admin("/rollback support");
  expect(asked.text).toContain("answered by reactune-two. After a roll back reactune-one answers");
  expect(await active()).toBe(two.digest);
  const done = await confirm("rollback", asked, new Map([["domain", "support"]]), ADMIN);
  expect(done.text).toContain("support is answered by reactune-one again");
  expect(await active()).toBe(one.digest);

  expect((await admin("/rollback support yes")).text).toContain("the base model again");
  expect((await admin("/rollback support yes")).text).toContain("there is nothing to roll back");
  expect(await audit()).toHaveLength(4);
});

/** Two adapters, the second in service. */
async function openTwoAdapters() {
  const world = await openAdapters();
  const one = await world.make("one");
  await world.make("two");
  for (const name of ["one", "two"]) await world.admin(`/adapters activate reactune-${name}`);
  return { ...world, one };
}

test("/rollback takes one adapter out of service when two admins call it at once", async () => {
  const { admin, one, active } = await openTwoAdapters();

  await Promise.all([admin("/rollback support yes"), admin("/rollback support yes", { userId: "other" })]);

  expect(await active()).toBe(one.digest);
});

test("/rollback asks again when its button is pressed after somebody else's", async () => {
  const { admin, one, active, confirm } = await openTwoAdapters();
  const press = (asked: CommandReply) => confirm("rollback", asked, new Map([["domain", "support"]]), ADMIN);
  const asked = [await admin("/rollback support"), await admin("/rollback support", { userId: "other" })] as const;

  expect((await press(asked[0])).text).toContain("support is answered by reactune-one again");
  expect((await press(asked[1])).text).toContain("After a roll back the base model answers");

  expect(await active()).toBe(one.digest);
});

test("/rollback changes nothing of another audience", async () => {
  const { admin, make, active } = await openAdapters();
  const one = await make("one");
  await admin("/adapters activate reactune-one");

  await admin("/rollback support yes", { channelId: "room", visibility: "private" });
  await admin("/rollback support yes", { workspaceId: "discord:2" });

  expect(await active()).toBe(one.digest);
});
