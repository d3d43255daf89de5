import type { Now } from "#core/clock.ts";
import { describeError } from "#core/errors.ts";
import type { InboxEvent, IncomingMessage } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import type { Platform } from "#core/scope.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PlatformConnector } from "./platform-connector.ts";

/**
 * The inbox at work. An accepted message is durable, then claimed under a lease and answered; messages of one place
 * (channel or thread) one after another, places side by side. What a killed process left behind is claimed again when
 * its lease runs out, and answered once, since a turn's id comes from its event's id.
 */
export interface Answering {
  /** Resolves when the message is durable; answering goes on after that. The same event twice is one. */
  accept(eventId: string, message: IncomingMessage): Promise<{ readonly turnId: string; readonly isNew: boolean }>;
  /** Stops a running reply; false when none of this id runs here. */
  stopReply(turnId: string): boolean;
  /** Ends the claiming and waits for running replies; those that take longer than `graceMs` are left to the next start. */
  close(graceMs: number): Promise<void>;
}

export interface AnsweringParts {
  readonly chat: ChatStore;
  readonly connectors: ReadonlyMap<Platform, PlatformConnector>;
  readonly answer: (
    connector: PlatformConnector,
    turnId: string,
    message: IncomingMessage,
    signal: AbortSignal,
  ) => Promise<unknown>;
  readonly turnIdOf: (eventId: string) => string;
  /** Names this process among those that share the store. */
  readonly claimedBy: string;
  readonly now: Now;
  readonly log: Log;
}

const LEASE_MS = 15_000;
const RENEW_MS = 5000;
/** How often left-behind events are looked for. */
const SWEEP_MS = 2000;
const SWEEP_EVENTS_MAX = 100;
/** An event whose answer crashed this often is given up, with a notice. */
const ATTEMPTS_MAX = 3;
const RETRY_MS = 1000;
/** A message that ends the whole program each time must not do so for ever; kills that only met it by chance are fewer. */
const CLAIMS_MAX = 10;

export function startAnswering(parts: AnsweringParts): Answering {
  /** Claimed here, waiting for their place or running: their leases are renewed. */
  const heldEvents = new Set<string>();
  const held = new Map<string, AbortController>();
  const places = new Map<string, Promise<void>>();
  let isClosed = false;

  async function claim(eventId?: string): Promise<InboxEvent | undefined> {
    const event = await parts.chat.claimEvent({
      ...(eventId === undefined ? {} : { eventId }),
      claimedBy: parts.claimedBy,
      nowMs: parts.now(),
      leaseMs: LEASE_MS,
    });
    if (event !== undefined) enqueue(event);
    return event;
  }

  function enqueue(event: InboxEvent): void {
    // A machine that slept finds its own leases run out: what is held goes on, once.
    if (heldEvents.has(event.id)) return;
    const abort = new AbortController();
    held.set(parts.turnIdOf(event.id), abort);
    const place = JSON.stringify(placeOf(event.message));
    const before = places.get(place) ?? Promise.resolve();
    const mine = before
      .then(() => (isClosed ? giveBack(event) : answerClaimed(parts, event, abort.signal)))
      .catch((error: unknown) => parts.log.error({ eventId: event.id, err: error }, "turn.failed"))
      .finally(() => {
        held.delete(parts.turnIdOf(event.id));
        heldEvents.delete(event.id);
        if (places.get(place) === mine) places.delete(place);
      });
    heldEvents.add(event.id);
    places.set(place, mine);
  }

  /** What had not begun is free for whoever starts next. */
  async function giveBack(event: InboxEvent): Promise<void> {
    await parts.chat.renewEvent(event.id, parts.now());
  }

  async function renewHeld(): Promise<void> {
    for (const eventId of heldEvents) await parts.chat.renewEvent(eventId, parts.now() + LEASE_MS);
  }

  async function sweep(): Promise<void> {
    for (let claimed = 0; claimed < SWEEP_EVENTS_MAX && !isClosed; claimed++) {
      const event = await claim();
      if (event === undefined) return;
      parts.log.warn({ eventId: event.id, attempts: event.attempts }, "inbox.left-behind");
    }
  }

  const timers = [every(RENEW_MS, renewHeld, "inbox.renew-failed"), every(SWEEP_MS, sweep, "inbox.sweep-failed")];
  function every(ms: number, act: () => Promise<void>, failure: string): NodeJS.Timeout {
    return setInterval(() => {
      act().catch((error: unknown) => parts.log.error({ err: error }, failure));
    }, ms).unref();
  }

  return {
    async accept(eventId, message) {
      const isNew = await parts.chat.acceptEvent(eventId, message, parts.now());
      if (isNew && !isClosed) await claim(eventId);
      return { turnId: parts.turnIdOf(eventId), isNew };
    },
    stopReply(turnId) {
      const abort = held.get(turnId);
      abort?.abort();
      return abort !== undefined;
    },
    async close(graceMs) {
      isClosed = true;
      for (const timer of timers) clearInterval(timer);
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([Promise.all(places.values()), grace]);
      clearTimeout(timer);
    },
  };
}

/** The one place where a failed answer is decided: tried again, given up with a word after too many failures or kills. */
async function answerClaimed(parts: AnsweringParts, event: InboxEvent, signal: AbortSignal): Promise<void> {
  const turnId = parts.turnIdOf(event.id);
  const connector = parts.connectors.get(event.message.platform);
  if (connector === undefined) {
    parts.log.warn({ eventId: event.id, platform: event.message.platform }, "inbox.platform-off");
    return;
  }
  if (event.attempts > CLAIMS_MAX) {
    await giveUp(parts, connector, event, "the program stopped while I did");
    return;
  }
  try {
    await parts.answer(connector, turnId, event.message, signal);
    await parts.chat.finishEvent(event.id);
  } catch (error) {
    parts.log.error({ eventId: event.id, attempts: event.attempts, err: error }, "turn.failed");
    if (event.attempts < ATTEMPTS_MAX) await parts.chat.renewEvent(event.id, parts.now() + RETRY_MS);
    else await giveUp(parts, connector, event, describeError(error));
  }
}

/** Never silence, and no turn that streams for ever. */
async function giveUp(
  parts: AnsweringParts,
  connector: PlatformConnector,
  event: InboxEvent,
  why: string,
): Promise<void> {
  const turnId = parts.turnIdOf(event.id);
  const turn = await parts.chat.findTurn(turnId);
  if (turn?.status === "streaming") {
    const provenance = { ...turn.provenance, endedBy: "error" as const };
    await parts.chat.saveTurn({ ...turn, status: "failed", repliedAtMs: parts.now(), provenance });
  }
  await parts.chat.finishEvent(event.id);
  await connector
    .post({
      ...placeOf(event.message),
      turnId,
      inReplyTo: event.message.messageId,
      askerId: event.message.userId,
      part: 0,
      actions: [],
      text: `Something went wrong while I answered, more than once: ${why}`,
      isFinal: true,
    })
    .catch((cause: unknown) => parts.log.error({ eventId: event.id, err: cause }, "notice.failed"));
}

function placeOf({ workspaceId, channelId, threadId }: IncomingMessage) {
  return { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
}
