import { expect, test } from "vitest";
import type { PlatformStore } from "#store/platform-store.ts";
import { sampleInstallation } from "./sample-records.ts";

/** What every PlatformStore promises. `open` gives two views of one empty store, as two processes have them. */
export function platformStoreContract(open: () => Promise<readonly [PlatformStore, PlatformStore]>): void {
  test("getCursor() gives what was put last, undefined before the first", async () => {
    const [one, two] = await open();
    expect(await one.getCursor("discord")).toBeUndefined();
    await one.putCursor("discord", 0);
    expect(await two.getCursor("discord")).toBe(0);
    await two.putCursor("discord", 1_767_268_800_000);

    expect(await one.getCursor("discord")).toBe(1_767_268_800_000);
    expect(await one.getCursor("slack")).toBeUndefined();
  });

  test("takeMark() is true for one caller only", async () => {
    const [one, two] = await open();
    const taken = await Promise.all(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? one : two).takeMark("notice slack:T1 C1", index)),
    );

    expect(taken.filter(Boolean)).toHaveLength(1);
    expect(await two.takeMark("notice slack:T1 C2", 1)).toBe(true);
  });

  test("clearMarks() forgets the marks that begin so, and no others", async () => {
    const [one, two] = await open();
    const keys = [
      "notice slack:T1 C1",
      "notice slack:T1 \u{10ffff}",
      "notice slack:T",
      "notice slack:T12",
      "Notice slack:T1 ",
    ];
    for (const key of keys) await one.takeMark(key, 1);
    await two.clearMarks("notice slack:T1 ");
    const again = [];
    for (const key of keys) again.push(await one.takeMark(key, 2));

    expect(again).toEqual([true, true, false, false, false]);
  });

  test("clearMarks() takes no letter of its prefix for a pattern", async () => {
    const [one] = await open();
    await one.takeMark("a%b_c", 1);
    await one.takeMark("axbxc", 1);
    await one.clearMarks("a%b_");

    expect(await one.takeMark("axbxc", 2)).toBe(false);
    expect(await one.takeMark("a%b_c", 2)).toBe(true);
  });

  test("findInstallation() gives what was saved last for a workspace, undefined after its removal", async () => {
    const [one, two] = await open();
    await one.saveInstallation(sampleInstallation({ sealed: "b2xk" }));
    await one.saveInstallation(sampleInstallation());

    expect(await two.findInstallation("slack", "slack:T1")).toEqual(sampleInstallation());
    expect(await two.findInstallation("slack", "slack:T2")).toBeUndefined();
    expect(await two.findInstallation("discord", "slack:T1")).toBeUndefined();
    await two.removeInstallation("slack", "slack:T1");
    await two.removeInstallation("slack", "slack:T1");
    expect(await one.findInstallation("slack", "slack:T1")).toBeUndefined();
  });

  test("listInstallations() gives those of one platform", async () => {
    const [one] = await open();
    for (const workspaceId of ["slack:T2", "slack:T1"]) await one.saveInstallation(sampleInstallation({ workspaceId }));
    await one.saveInstallation(sampleInstallation({ platform: "discord", workspaceId: "discord:1" }));

    const listed = await one.listInstallations("slack");
    expect(listed.map(({ workspaceId }) => workspaceId)).toEqual(["slack:T1", "slack:T2"]);
    expect(await one.listInstallations("local")).toEqual([]);
  });
}
