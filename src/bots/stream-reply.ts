import type { Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { Delivery } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import type { ChatStore } from "#store/chat-store.ts";
import { paceOf, type Urgency } from "./channel-pace.ts";
import type { PlatformConnector, PostedPart, ReplyAction, ReplyPart } from "./platform-connector.ts";
import { openSplitter } from "./split-reply.ts";

/** Shows a growing text within the platform's pace, in as many messages as it needs. The final text is always shown, after all earlier ones. */
export interface ReplyStream {
  /** The whole text so far, Markdown; shown when the pace allows, skipped when a newer one comes first. */
  update(text: string): void;
  /**
   * Resolves when the platform has the final text, or has refused it for good (which the log tells). `onPosted` is called with
   * the places of all parts in order: before the last edits where earlier text was shown, else right after posting; again when a
   * place changed since. It stores the delivery that it is given; `isWhole` says that nothing is left to be shown. Rejects with the
   * platform's last error when it fails for a minute.
   */
  finish(text: string, onPosted: OnPosted, actions?: readonly ReplyAction[]): Promise<void>;
  /** Ends the showing without a final text: the reply was given up. Resolves with the places of what stands, in order. */
  abandon(): Promise<readonly PostedPart[]>;
  /** Offers emoji under the finished reply, giving way to all text. Never rejects. */
  offer(emoji: readonly string[]): Promise<void>;
}

export type OnPosted = (
  posted: readonly PostedPart[],
  delivery: Delivery | undefined,
  isWhole: boolean,
) => Promise<void>;

export interface ReplyStreamParts {
  readonly connector: PlatformConnector;
  readonly chat: Pick<ChatStore, "listDeliveries" | "saveDelivery">;
  readonly now: Now;
  readonly log: Log;
  /** The reply was begun before, and may have been posted. */
  readonly isRetry: boolean;
  /** Messages of an answer that this one takes the place of, in order of their parts. */
  readonly earlier?: readonly PostedPart[];
}

/** Where a reply goes; its parts follow. The caller has saved the planned delivery of part 0, or the turn with its whole reply. */
export type ReplyTarget = Omit<ReplyPart, "part" | "text" | "isFinal" | "actions">;

/** Pauses between the tries to show a final text: six tries within a minute. */
const RETRY_MS = [500, 2000, 6000, 16_000, 32_000];
/** Pauses between the tries to show the first words, while a person looks at nothing; after these they wait as edits do. */
const FIRST_RETRY_MS = [50, 200];
/** Why nothing grows any more. Made once: an error is as dear as a write, and nearly every reply needs one. */
const FINAL = new Error("the final text comes");

interface PartState {
  posted?: PostedPart;
  /** What the platform was told last, and took. */
  shown?: string;
  /** A post may have arrived: look before posting again. */
  isUnknown: boolean;
  isReposted: boolean;
  /** Edits that only show progress wait until then. */
  nextEditAtMs: number;
}

export function openReplyStream(parts: ReplyStreamParts, target: ReplyTarget): ReplyStream {
  const { connector, chat, now, log } = parts;
  const pace = paceOf(connector, now);
  const channelKey = channelKeyOf(connector, target);
  const split = openSplitter(connector.limits.messageCharsMax);
  const states: PartState[] = (parts.earlier ?? []).map((posted) => ({ ...newState(), posted }));
  const growing = new AbortController();
  let isLoaded = !parts.isRetry;
  let latest: string | undefined;
  let isDirty = false;
  let isRefused = false;
  /** Parts for whose end the platform's connector keeps room. */
  const keptRoom = new Set<number>();
  let nextShowAtMs = Number.NEGATIVE_INFINITY;
  let firstFailures = 0;
  let showing: Promise<void> | undefined;
  /** The part after which all have their places: its delivery is stored with those. */
  let lastNewPart: number | undefined;
  let unsaved: Delivery | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** After a kill the store knows what was posted, and what may have been. */
  async function load(): Promise<void> {
    if (isLoaded) return;
    for (const { part, messageId } of await chat.listDeliveries(target.turnId)) {
      const state = stateOf(part);
      if (messageId === undefined) state.isUnknown = true;
      else state.posted = { messageId };
    }
    const first = stateOf(0);
    first.isUnknown = first.posted === undefined;
    isLoaded = true;
  }

  function stateOf(part: number): PartState {
    for (let at = states.length; at <= part; at++) states.push(newState());
    return states[part] ?? newState();
  }

  /** Every part as it should look. All but the last are complete. */
  function describeParts(text: string, isFinal: boolean, actions: readonly ReplyAction[]): readonly ReplyPart[] {
    const pieces = split(connector.render(text));
    return pieces.map(({ shown }, part) => {
      const isLast = part === pieces.length - 1;
      return { ...target, part, text: shown, isFinal: isFinal || !isLast, actions: isLast ? actions : [] };
    });
  }

  function nextChange(wanted: readonly ReplyPart[]): ReplyPart | undefined {
    return wanted.find((part) => states[part.part]?.shown !== keyOf(part));
  }

  async function write(part: ReplyPart): Promise<void> {
    const state = stateOf(part.part);
    try {
      if (state.posted === undefined && state.isUnknown) await find(part, state);
      if (state.posted === undefined) await post(part, state);
      else await connector.edit(state.posted, part);
      state.shown = keyOf(part);
    } catch (error) {
      const retryAfterMs = readRetryAfterMs(error);
      if (retryAfterMs !== undefined) pace.pause(channelKey, now() + retryAfterMs);
      throw error;
    } finally {
      // A platform that refuses an edit is not asked again any sooner.
      const quickMs = isUnseen(part.part) ? FIRST_RETRY_MS[firstFailures++] : undefined;
      state.nextEditAtMs = now() + Math.min(quickMs ?? Number.POSITIVE_INFINITY, connector.limits.editIntervalMs);
      nextShowAtMs = state.nextEditAtMs;
    }
  }

  /** The person has nothing to read yet. */
  function isUnseen(part: number): boolean {
    return part === 0 && states[0]?.posted === undefined;
  }

  async function find(part: ReplyPart, state: PartState): Promise<void> {
    const found = await connector.reconcile(part);
    state.isUnknown = false;
    if (found === undefined) return;
    state.posted = found;
    await saveDelivery(part.part, "posted", found.messageId);
  }

  async function post(part: ReplyPart, state: PartState): Promise<void> {
    if (part.part > 0) await saveDelivery(part.part, "planned");
    state.isUnknown = true;
    try {
      state.posted = { messageId: (await connector.post(part)).messageId };
    } catch (error) {
      state.isUnknown = !(error instanceof PlatformRefusedError);
      throw error;
    }
    state.isUnknown = false;
    const delivery = deliveryOf(part.part, "posted", state.posted.messageId);
    if (part.part === lastNewPart) unsaved = delivery;
    else await chat.saveDelivery(delivery);
  }

  async function saveDelivery(part: number, state: "planned" | "posted", messageId?: string): Promise<void> {
    await chat.saveDelivery(deliveryOf(part, state, messageId));
  }

  function deliveryOf(part: number, state: "planned" | "posted", messageId?: string): Delivery {
    const known = messageId === undefined ? {} : { messageId };
    return { turnId: target.turnId, part, state, ...known, changedAtMs: now() };
  }

  function showNext(): void {
    if (growing.signal.aborted || isRefused || showing !== undefined || timer !== undefined || !isDirty) return;
    const waitMs = Math.max(0, nextShowAtMs - now());
    timer = setTimeout(() => {
      timer = undefined;
      showing = showLatest()
        .catch(skip)
        .finally(() => {
          showing = undefined;
          showNext();
        });
    }, waitMs);
  }

  async function showLatest(): Promise<void> {
    await load();
    while (!growing.signal.aborted) {
      isDirty = false;
      const change = nextGrowing();
      if (change === undefined) return;
      const { posted, isUnknown, nextEditAtMs } = stateOf(change.part);
      if (now() < nextEditAtMs) {
        isDirty = true;
        return;
      }
      if (posted === undefined && !isUnknown) {
        if ((await connector.hasRoomFor?.(change)) === false) {
          isDirty = true;
          nextShowAtMs = now() + connector.limits.editIntervalMs;
          return;
        }
        keptRoom.add(change.part);
      }
      const urgency = posted === undefined && change.part === 0 ? "first" : "edit";
      const noteAnswered = await pace.take(channelKey, urgency, growing.signal);
      // Meanwhile the text has grown.
      const newest = nextGrowing();
      try {
        if (newest !== undefined && !growing.signal.aborted) await write(newest);
      } finally {
        noteAnswered();
      }
    }
  }

  function nextGrowing(): ReplyPart | undefined {
    return latest === undefined ? undefined : nextChange(describeParts(latest, false, ["stop"]));
  }

  /** What fails on the way is not the end: the next edit carries the whole text. */
  function skip(error: unknown): void {
    if (growing.signal.aborted && error === growing.signal.reason) return;
    isDirty = true;
    isRefused = error instanceof PlatformRefusedError;
    log.warn({ turnId: target.turnId, err: error }, "reply.edit-skipped");
  }

  /** A message that somebody deleted meanwhile is posted anew, once. */
  async function persist(part: ReplyPart): Promise<void> {
    try {
      await retry(part.part, () => write(part));
    } catch (error) {
      const state = stateOf(part.part);
      const isDeleted = error instanceof PlatformRefusedError && error.reason === "gone" && state.posted !== undefined;
      if (!isDeleted || state.isReposted) throw error;
      state.isReposted = true;
      delete state.posted;
      await persist(part);
    }
  }

  /** Tries for a minute, unless the platform says no for good. */
  async function retry(part: number, act: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      const noteAnswered = await pace.take(channelKey, "final");
      try {
        await act().finally(noteAnswered);
        return;
      } catch (error) {
        const pauseMs = (isUnseen(part) ? FIRST_RETRY_MS[firstFailures - 1] : undefined) ?? RETRY_MS[tries];
        if (error instanceof PlatformRefusedError || pauseMs === undefined) throw error;
        log.warn({ turnId: target.turnId, part, err: error }, "reply.retried");
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  async function showFinal(wanted: readonly ReplyPart[], onPosted: OnPosted): Promise<void> {
    let told = "";
    const tell = async () => {
      const places = wanted.flatMap(({ part }) => states[part]?.posted ?? []);
      const ids = JSON.stringify(places);
      const delivery = unsaved;
      unsaved = undefined;
      if (places.length > 0 && ids !== told) await onPosted(places, delivery, isWhole(wanted));
      else if (delivery !== undefined) await chat.saveDelivery(delivery);
      told = ids;
    };
    try {
      const isNew = ({ part }: ReplyPart) => stateOf(part).posted === undefined;
      lastNewPart = wanted.findLast(isNew)?.part;
      for (const part of wanted) if (isNew(part)) await persist(part);
      lastNewPart = undefined;
      await tell();
      for (let change = nextChange(wanted); change !== undefined; change = nextChange(wanted)) await persist(change);
    } finally {
      await tell();
    }
  }

  function isWhole(wanted: readonly ReplyPart[]): boolean {
    if (nextChange(wanted) !== undefined) return false;
    return states.slice(wanted.length).every(({ posted, isUnknown }) => posted === undefined && !isUnknown);
  }

  async function leaveRoom(): Promise<void> {
    for (const part of keptRoom) await connector.leaveRoom?.({ turnId: target.turnId, part });
    keptRoom.clear();
  }

  /** A text that became shorter leaves messages over. */
  async function removeSurplus(count: number): Promise<void> {
    for (const [part, state] of states.entries()) {
      if (part < count || (state.posted === undefined && !state.isUnknown)) continue;
      await retry(part, async () => {
        const posted = state.posted ?? (await connector.reconcile({ ...target, part, actions: [] }));
        if (posted !== undefined) await connector.remove(placeOf(target, posted));
      });
      states[part] = newState();
    }
  }

  return {
    update(text) {
      latest = text;
      isDirty = true;
      showNext();
    },
    async finish(text, onPosted, actions = []) {
      growing.abort(FINAL);
      clearTimeout(timer);
      await showing;
      await load();
      const wanted = describeParts(text, true, actions);
      try {
        await showFinal(wanted, onPosted);
        await removeSurplus(wanted.length);
      } catch (error) {
        if (!(error instanceof PlatformRefusedError)) throw error;
        log.warn({ turnId: target.turnId, reason: error.reason, err: error }, "reply.undeliverable");
      } finally {
        await leaveRoom();
      }
    },
    async abandon() {
      growing.abort(FINAL);
      clearTimeout(timer);
      await showing;
      await leaveRoom();
      await load();
      return states.flatMap(({ posted }) => posted ?? []);
    },
    async offer(emoji) {
      const posted = states.findLast((state) => state.posted !== undefined)?.posted;
      if (posted === undefined) return;
      try {
        for (const one of emoji) {
          const noteAnswered = await pace.take(channelKey, "extra" satisfies Urgency);
          await connector.offerEmoji(placeOf(target, posted), [one]).finally(noteAnswered);
        }
      } catch (error) {
        log.warn({ turnId: target.turnId, err: error }, "reply.emoji-not-offered");
      }
    },
  };
}

/** Names the budget that writes to a place are taken from. */
export function channelKeyOf(
  connector: PlatformConnector,
  place: { readonly workspaceId: string; readonly channelId: string; readonly threadId?: string },
): string {
  const thread = connector.limits.hasPacePerThread === true ? place.threadId : undefined;
  return JSON.stringify([place.workspaceId, place.channelId, thread]);
}

function newState(): PartState {
  return { isUnknown: false, isReposted: false, nextEditAtMs: Number.NEGATIVE_INFINITY };
}

function keyOf({ text, isFinal, actions }: ReplyPart): string {
  return JSON.stringify([text, isFinal, actions]);
}

function placeOf({ workspaceId, channelId, threadId }: ReplyTarget, { messageId }: PostedPart) {
  return { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }), messageId };
}

/** Platforms that say how long to wait put it on the error. */
function readRetryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("retryAfterMs" in error)) return undefined;
  return typeof error.retryAfterMs === "number" ? error.retryAfterMs : undefined;
}
