import { expect, test } from "vitest";
import type { ModerationStore } from "#store/moderation-store.ts";
import { NOON_MS, SCOPE, sampleReport } from "./sample-records.ts";

/** What every ModerationStore promises. `open` gives an empty store. */
export function moderationStoreContract(open: () => Promise<ModerationStore>): void {
  const query = { workspaceId: SCOPE.workspaceId, limit: 9 };

  test("listReports() gives the open reports of a workspace, newest first", async () => {
    const moderation = await open();
    await moderation.saveReport(sampleReport({ turnId: "old", atMs: NOON_MS }));
    await moderation.saveReport(sampleReport({ turnId: "new", atMs: NOON_MS + 2 }));
    await moderation.saveReport(sampleReport({ turnId: "middle", atMs: NOON_MS + 1 }));
    await moderation.saveReport(sampleReport({ turnId: "elsewhere", workspaceId: "slack:T1" }));
    const turnsOf = async (limit: number) =>
      (await moderation.listReports({ ...query, limit })).map(({ turnId }) => turnId);

    expect(await turnsOf(9)).toEqual(["new", "middle", "old"]);
    expect(await turnsOf(2)).toEqual(["new", "middle"]);
    expect(await moderation.listReports({ ...query, workspaceId: "slack:T1" })).toEqual([
      sampleReport({ turnId: "elsewhere", workspaceId: "slack:T1" }),
    ]);
  });

  test("saveReport() keeps one per reply and person, the newest", async () => {
    const moderation = await open();
    const { reason: _, ...withoutReason } = sampleReport();
    await moderation.saveReport(sampleReport({ reason: "first" }));
    await moderation.saveReport(withoutReason);
    await moderation.saveReport(sampleReport({ reportedBy: "cy", atMs: NOON_MS }));

    expect(await moderation.listReports(query)).toEqual([
      withoutReason,
      sampleReport({ reportedBy: "cy", atMs: NOON_MS }),
    ]);
  });

  test("listReports() tells closed reports from open ones", async () => {
    const moderation = await open();
    const closed = sampleReport({ closedBy: "eve", closedAtMs: NOON_MS + 9 });
    await moderation.saveReport(sampleReport());
    await moderation.saveReport(closed);
    await moderation.saveReport(sampleReport({ turnId: "t2" }));

    expect(await moderation.listReports({ ...query, isClosed: true })).toEqual([closed]);
    expect(await moderation.listReports({ ...query, isClosed: false })).toEqual([sampleReport({ turnId: "t2" })]);
    expect(await moderation.listReports(query)).toEqual([sampleReport({ turnId: "t2" })]);
  });
}
