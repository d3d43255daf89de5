import type { ModerationStore } from "#store/moderation-store.ts";
import { reportWithoutReason } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import type { ErasedLookup } from "./erased-lookup.ts";
import { keyText } from "./keys.ts";

export function mongoModeration({ report: reports }: Collections, erased: ErasedLookup): ModerationStore {
  return {
    async saveReport(report) {
      const isErased = await erased.isReasonErased(report);
      await reports.save(isErased ? reportWithoutReason(report) : report);
      if (!isErased && (await erased.isReasonErased(report))) await reports.save(reportWithoutReason(report));
    },
    listReports({ workspaceId, isClosed = false, limit }) {
      const filter = { workspace: keyText(workspaceId), is_closed: isClosed ? 1 : 0 };
      return reports.list(filter, { sort: { at: -1, turn: -1, reported_by: -1 }, limit });
    },
  };
}
