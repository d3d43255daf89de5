import type { InboxEvent } from "#core/inbox.ts";
import type { Report } from "#core/report.ts";
import type { Turn } from "#core/turn.ts";

/** What is left of an erased turn: ids, times and figures. The reasons of choices quote the question. */
export function turnWithoutWords(turn: Turn): Turn {
  const cache = { ...turn.provenance.cache, reason: "" };
  return {
    ...turn,
    question: "",
    reply: "",
    status: "deleted",
    domain: { ...turn.domain, reason: "" },
    provenance: { ...turn.provenance, cache },
  };
}

/** Done, whoever had claimed it; its id stays, so that a late delivery of it is known. */
export function eventWithoutWords({ claimedBy: _, leaseUntilMs: __, ...event }: InboxEvent): InboxEvent {
  const { attachments: ___, ...message } = event.message;
  return { ...event, state: "done", message: { ...message, text: "" } };
}

export function reportWithoutReason({ reason: _, ...report }: Report): Report {
  return report;
}
