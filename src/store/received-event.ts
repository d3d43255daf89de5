import type { InboxEvent, IncomingMessage } from "#core/inbox.ts";
import type { AcceptClaim } from "./chat-store.ts";

/** What a message is in the inbox when it comes: free for whoever claims it, or claimed by who accepts it. */
export function receivedEvent(id: string, message: IncomingMessage, nowMs: number, claim?: AcceptClaim): InboxEvent {
  if (claim === undefined) return { id, message, state: "received", attempts: 0, receivedAtMs: nowMs };
  const { claimedBy, leaseMs } = claim;
  return {
    id,
    message,
    state: "claimed",
    attempts: 1,
    receivedAtMs: nowMs,
    claimedBy,
    leaseUntilMs: nowMs + leaseMs,
  };
}
