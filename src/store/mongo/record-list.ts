import type { Collections } from "./collections.ts";
import type { Records } from "./records.ts";

/** In the order of an export: what is pointed at comes first. Feedback lies in its turn. */
export function recordsOf(rows: Collections): readonly Records<unknown>[] {
  const list = [
    rows.permission,
    rows.userChoice,
    rows.deletion,
    rows.erasedPlace,
    rows.setting,
    rows.installation,
    rows.mark,
    rows.auditEntry,
    rows.inboxEvent,
    rows.conversation,
    rows.turn,
    rows.delivery,
    rows.report,
    rows.dataset,
    rows.run,
    rows.runEvent,
    rows.adapter,
    rows.service,
    rows.modelUse,
  ];
  return list as unknown as readonly Records<unknown>[];
}
