import { expect, test } from "vitest";
import type { AuditEntry } from "#core/people.ts";
import type { PeopleStore } from "#store/people-store.ts";

const WORKSPACE = "slack:T1";

/** What every PeopleStore promises. `open` gives an empty store. */
export function peopleStoreContract(open: () => Promise<PeopleStore>): void {
  test("getPermission() gives what was put last, per workspace", async () => {
    const people = await open();
    const granted = {
      workspaceId: WORKSPACE,
      level: "adapters",
      grantedBy: "eve",
      wordingVersion: 2,
      changedAtMs: 9,
    } as const;
    await people.putPermission({ ...granted, level: "off" });
    await people.putPermission(granted);

    expect(await people.getPermission(WORKSPACE)).toEqual(granted);
    expect(await people.getPermission("slack:T2")).toBeUndefined();
  });

  test("getChoice() gives what was put last, per workspace and person", async () => {
    const people = await open();
    const choice = { workspaceId: WORKSPACE, userId: "ana", learns: true, changedAtMs: 9 };
    await people.putChoice({ ...choice, learns: false });
    await people.putChoice(choice);

    expect(await people.getChoice(WORKSPACE, "ana")).toEqual(choice);
    expect(await people.getChoice(WORKSPACE, "ben")).toBeUndefined();
    expect(await people.getChoice("slack:T2", "ana")).toBeUndefined();
  });

  test("listOptedOut() gives those of a workspace who do not want to teach", async () => {
    const people = await open();
    for (const [workspaceId, userId, learns] of [
      [WORKSPACE, "ana", false],
      [WORKSPACE, "b\u0000n", false],
      [WORKSPACE, "cy", true],
      ["slack:T2", "dora", false],
    ] as const) {
      await people.putChoice({ workspaceId, userId, learns, changedAtMs: 1 });
    }

    expect(await people.listOptedOut(WORKSPACE)).toEqual(["ana", "b\u0000n"]);
    await people.putChoice({ workspaceId: WORKSPACE, userId: "ana", learns: true, changedAtMs: 2 });
    expect(await people.listOptedOut(WORKSPACE)).toEqual(["b\u0000n"]);
  });

  test("listAudit() gives the newest first", async () => {
    const people = await open();
    const entries = [3, 1, 2].map(
      (atMs): AuditEntry => ({ id: `a${atMs}`, atMs, who: "eve", what: "adapter.activated" }),
    );
    for (const entry of entries) await people.appendAudit(entry);

    expect((await people.listAudit(2)).map(({ id }) => id)).toEqual(["a3", "a2"]);
  });

  test("appendAudit() never changes an entry that is there", async () => {
    const people = await open();
    const entry: Required<AuditEntry> = {
      id: "a1",
      atMs: 1,
      who: "eve",
      what: "permission.changed",
      workspaceId: WORKSPACE,
      before: "off",
      after: "adapters",
    };
    await people.appendAudit(entry);
    await people.appendAudit({ ...entry, who: "mallory" });

    expect(await people.listAudit(9)).toEqual([entry]);
  });

  test("listDeletions() gives every deletion once, oldest first", async () => {
    const people = await open();
    const deletion = { workspaceId: WORKSPACE, userId: "ana", atMs: 5 };
    await people.recordDeletion(deletion);
    await people.recordDeletion(deletion);
    await people.recordDeletion({ ...deletion, atMs: 4 });

    expect(await people.listDeletions()).toEqual([{ ...deletion, atMs: 4 }, deletion]);
  });
}
