import type { InboxEvent, IncomingMessage } from "#core/inbox.ts";
import { receivedEvent } from "#store/received-event.ts";
import { answerClaimed, dropOvertaken, refuseCrowded } from "./answer-event.ts";
import type { AnsweringParts } from "./answering-parts.ts";
import { createEventLeases, LEASE_MS } from "./event-leases.ts";
import type { AcceptOptions } from "./intake.ts";
import { canJoin, createFairQueue, type FairQueue, joinMessages, overtakes, ReplyStopped } from "./overlap.ts";
import type { PlaceLocks } from "./place-locks.ts";

export interface Accepted {
  readonly turnId: string;
  readonly isNew: boolean;
}

/**
 * The inbox at work. An accepted message is durable, then claimed under a lease and answered; messages of one place
 * (channel or thread) one after another, people in turn, places side by side. What a killed process left behind is claimed
 * again when its lease runs out, and answered once, since a turn's id comes from its event's id.
 */
export interface Answering {
  /** Resolves when the message is durable; answering goes on after that. The same event twice is one. */
  accept(eventId: string, message: IncomingMessage, options?: AcceptOptions): Promise<Accepted>;
  /** What waits or is being answered here. */
  underWay(place: { readonly workspaceId: string; readonly channelId?: string }): readonly MessageUnderWay[];
  /** Gives up what is held of a message whose newer words another process answers, or will. */
  giveUpOlder(message: Pick<IncomingMessage, "workspaceId" | "channelId" | "messageId">, revision: number): void;
  /** Stops a running reply; false when none of this id runs here, or it was stopped before. */
  stopReply(turnId: string): boolean;
  /**
   * Gives a message up because its question is gone; resolves when no start will answer it again. `ended` resolves when a reply
   * that was being written has ended too.
   */
  dropQuestion(eventId: string): Promise<{ readonly ended: Promise<void> }>;
  /** Ends the claiming and waits for running replies; those that take longer than `graceMs` are left to the next start. */
  close(graceMs: number): Promise<void>;
}

export interface MessageUnderWay {
  readonly eventId: string;
  /** Of the reply that is being written, or will be; joined messages share it. */
  readonly turnId: string;
  readonly message: IncomingMessage;
  readonly isRunning: boolean;
  /** It is answered in one with others. */
  readonly isJoined: boolean;
}

/** A claimed event. Its lease is renewed while it waits and runs. */
interface Held {
  readonly event: InboxEvent;
  readonly abort: AbortController;
}

interface Place {
  readonly queue: FairQueue<Held>;
  /** Several when they were joined. */
  running: readonly Held[];
  /** The newest reply's end. */
  ended: Promise<void>;
  /** People who were told that they have too much waiting, until nothing of theirs waits. */
  readonly told: Set<string>;
}

const RENEW_MS = 5000;
/** How often left-behind events are looked for. */
const SWEEP_MS = 2000;
const SWEEP_EVENTS_MAX = 100;
/** What one person may have waiting in one place, and what all may; a word says what was left out. */
const WAITING_PER_PERSON_MAX = 10;
const WAITING_MAX = 100;

export function startAnswering(parts: AnsweringParts): Answering {
  const heldEvents = new Map<string, Held>();
  const places = new Map<string, Place>();
  const tasks = new Set<Promise<void>>();
  const closing = new AbortController();
  const leases = createEventLeases({ ...parts, isHeld: (eventId) => heldEvents.has(eventId) });
  let isClosed = false;

  async function claimLeftBehind(): Promise<InboxEvent | undefined> {
    // What was left behind waits while its platform is away: its tries would be used up for nothing.
    const connectors = [...parts.connectors.values()].filter((connector) => connector.isConnected?.() !== false);
    if (connectors.length === 0) return undefined;
    const event = await parts.chat.claimEvent({
      platforms: connectors.map(({ platform }) => platform),
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
    if (isClosed) {
      track(leases.giveBack([event.id]));
      return;
    }
    const { message } = event;
    const key = keyOfPlace(message);
    const place = places.get(key) ?? newPlace();
    places.set(key, place);
    const held = { event, abort: new AbortController() };
    heldEvents.set(event.id, held);
    const others = [...place.running, ...place.queue.list()];
    if (others.some((other) => overtakes(other.event.message, message, "queue") !== undefined)) {
      settle(held, () => dropOvertaken(parts, event));
      return;
    }
    giveWay(place, held, others);
    if (isCrowded(place, event)) {
      const isTold = place.told.has(message.userId);
      place.told.add(message.userId);
      settle(held, () => refuseCrowded(parts, event, isTold));
    } else {
      place.queue.add(message.userId, held);
    }
    startNext(key, place);
  }

  /** What a newer message makes needless ends: running replies at once, what waits unanswered. */
  function giveWay(place: Place, held: Held, others: readonly Held[]): void {
    const { overlap } = parts.places.of(held.event.message);
    for (const other of others) {
      const why = overtakes(held.event.message, other.event.message, overlap);
      if (why === undefined) continue;
      if (place.queue.remove(other)) settle(other, () => dropOvertaken(parts, other.event));
      else for (const { abort } of place.running) abort.abort(new ReplyStopped(why));
    }
  }

  /** What was begun before a kill is finished, however many wait. */
  function isCrowded(place: Place, { message, attempts }: InboxEvent): boolean {
    if (attempts > 1) return false;
    return place.queue.countOf(message.userId) >= WAITING_PER_PERSON_MAX || place.queue.size >= WAITING_MAX;
  }

  function startNext(key: string, place: Place): void {
    if (place.running.length > 0) return;
    const settings = ({ event }: Held) => parts.places.of(event.message);
    const batch = isClosed
      ? []
      : place.queue.take((before, next) => canJoin(before.map(messageOf), messageOf(next), settings(next)));
    const [first, ...others] = batch;
    if (first === undefined) {
      if (place.queue.size === 0) places.delete(key);
      return;
    }
    place.running = batch;
    const answer = async () => {
      const events = batch.map(({ event }) => event);
      const message = joinMessages([messageOf(first), ...others.map(messageOf)]);
      const outcome = await answerClaimed(parts, events, message, first.abort.signal);
      if (outcome === "over") return;
      leases.retrySoon(events.map(({ id }) => id));
      if (isClosed) await leases.freeFailed("all");
    };
    place.ended = (parts.locks === undefined ? answer() : answerAlone(parts.locks, key, batch, answer))
      .catch((error: unknown) => parts.log.error({ eventId: first.event.id, err: error }, "turn.failed"))
      .finally(() => {
        place.running = [];
        for (const { event } of batch) heldEvents.delete(event.id);
        if (place.queue.countOf(first.event.message.userId) === 0) place.told.delete(first.event.message.userId);
        startNext(key, place);
      });
    track(place.ended);
  }

  /** Another process may be answering there. Whoever still waits for that when this one closes is free for the others. */
  async function answerAlone(
    locks: PlaceLocks,
    key: string,
    batch: readonly Held[],
    answer: () => Promise<void>,
  ): Promise<void> {
    let hasBegun = false;
    const act = () => {
      hasBegun = true;
      return answer();
    };
    try {
      await locks.hold(key, closing.signal, act);
    } catch (error) {
      if (hasBegun || !closing.signal.aborted) throw error;
      await leases.giveBack(batch.map(({ event }) => event.id));
    }
  }

  /** What is not answered ends all the same. */
  function settle({ event }: Held, act: () => Promise<void>): void {
    track(
      act()
        .catch((error: unknown) => parts.log.error({ eventId: event.id, err: error }, "inbox.settle-failed"))
        .finally(() => heldEvents.delete(event.id)),
    );
  }

  /** What fails, in an outage of the store above all, is found again when its lease runs out. */
  function track(task: Promise<unknown>): void {
    const ended: Promise<void> = task
      .then(() => {})
      .catch((error: unknown) => parts.log.warn({ err: error }, "inbox.left-to-next"))
      .finally(() => tasks.delete(ended));
    tasks.add(ended);
  }

  /** What waits here and was taken over by another process, or is over, is no longer ours to answer. */
  async function renewHeld(): Promise<void> {
    for (const eventId of await leases.renew([...heldEvents.keys()])) {
      const held = heldEvents.get(eventId);
      if (held === undefined || places.get(keyOfPlace(held.event.message))?.queue.remove(held) !== true) continue;
      heldEvents.delete(eventId);
      parts.log.warn({ eventId }, "inbox.lease-lost");
    }
  }

  async function sweep(): Promise<void> {
    await leases.freeFailed("due");
    for (let claimed = 0; claimed < SWEEP_EVENTS_MAX && !isClosed; claimed++) {
      const event = await claimLeftBehind();
      if (event === undefined) return;
      // One that came this moment was left by a process that was about to end.
      const isLeftBehind = event.attempts > 1 || parts.now() - event.receivedAtMs >= SWEEP_MS;
      if (isLeftBehind) parts.log.warn({ eventId: event.id, attempts: event.attempts }, "inbox.left-behind");
    }
  }

  const timers = [every(RENEW_MS, renewHeld, "inbox.renew-failed"), every(SWEEP_MS, sweep, "inbox.sweep-failed")];
  function every(ms: number, act: () => Promise<void>, failure: string): NodeJS.Timeout {
    return setInterval(() => {
      act().catch((error: unknown) => parts.log.error({ err: error }, failure));
    }, ms).unref();
  }

  /** What had not begun, or is to be begun again, is free for whoever starts next. */
  async function giveBackWaiting(): Promise<void> {
    for (const { queue } of places.values()) await leases.giveBack(queue.list().map(({ event }) => event.id));
    await leases.freeFailed("all");
  }

  return {
    async accept(eventId, message, { isReadAgain = false } = {}) {
      const nowMs = parts.now();
      const isServed = parts.connectors.has(message.platform);
      if (!isServed) parts.log.warn({ eventId, platform: message.platform }, "inbox.platform-off");
      const claim = isServed && !isClosed ? { claimedBy: parts.claimedBy, leaseMs: LEASE_MS, isReadAgain } : undefined;
      const isNew = await parts.chat.acceptEvent(eventId, message, nowMs, claim);
      if (isNew && claim !== undefined) enqueue(receivedEvent(eventId, message, nowMs, claim));
      return { turnId: parts.turnIdOf(eventId), isNew };
    },
    underWay({ workspaceId, channelId }) {
      return [...places.values()].flatMap(({ running, queue }) => {
        const tell = (held: Held, leader: Held, isRunning: boolean) => ({
          eventId: held.event.id,
          turnId: parts.turnIdOf(leader.event.id),
          message: held.event.message,
          isRunning,
          isJoined: isRunning && running.length > 1,
        });
        const [leader] = running;
        return [
          ...(leader === undefined ? [] : running.map((held) => tell(held, leader, true))),
          ...queue.list().map((held) => tell(held, held, false)),
        ].filter(
          ({ message }) =>
            message.workspaceId === workspaceId && (channelId === undefined || message.channelId === channelId),
        );
      });
    },
    giveUpOlder({ workspaceId, channelId, messageId }, revision) {
      const isOlder = ({ event: { message } }: Held) =>
        message.messageId === messageId &&
        message.workspaceId === workspaceId &&
        message.channelId === channelId &&
        (message.revision ?? 0) < revision;
      for (const held of [...heldEvents.values()].filter(isOlder)) {
        const place = places.get(keyOfPlace(held.event.message));
        if (place === undefined) continue;
        if (place.queue.remove(held)) settle(held, () => dropOvertaken(parts, held.event));
        else if (place.running.length === 1) held.abort.abort(new ReplyStopped("edited"));
      }
    },
    stopReply(turnId) {
      const held = [...heldEvents.values()].find(({ event }) => parts.turnIdOf(event.id) === turnId);
      if (held === undefined || held.abort.signal.aborted) return false;
      held.abort.abort(new ReplyStopped("stopped"));
      return true;
    },
    async dropQuestion(eventId) {
      const held = heldEvents.get(eventId);
      await parts.chat.finishEvent(eventId);
      const place = held === undefined ? undefined : places.get(keyOfPlace(held.event.message));
      if (held === undefined || place === undefined) return { ended: Promise.resolve() };
      if (place.queue.remove(held)) heldEvents.delete(eventId);
      if (!place.running.includes(held)) return { ended: Promise.resolve() };
      for (const { abort } of place.running) abort.abort(new ReplyStopped("deleted"));
      return { ended: place.ended };
    },
    async close(graceMs) {
      isClosed = true;
      closing.abort();
      for (const timer of timers) clearInterval(timer);
      track(giveBackWaiting());
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([Promise.all(tasks), grace]);
      clearTimeout(timer);
    },
  };
}

function newPlace(): Place {
  return { queue: createFairQueue<Held>(), running: [], ended: Promise.resolve(), told: new Set() };
}

function messageOf({ event }: Held): IncomingMessage {
  return event.message;
}

/** Replies of one place come one after another: a thread is a place of its own. */
function keyOfPlace({ workspaceId, channelId, threadId }: IncomingMessage): string {
  return `${workspaceId}\n${channelId}\n${threadId ?? ""}`;
}
