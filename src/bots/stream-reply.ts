import { PlatformRefusedError } from "#core/errors.ts";
import type { Delivery } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import { paceOf, type Urgency } from "./channel-pace.ts";
import type { PlatformConnector, PostedPart, ReplyAction, ReplyPart } from "./platform-connector.ts";
import { openReplyParts, placeOf, type ReplyPartsParts, type ReplyTarget } from "./reply-parts.ts";
import { openSplitter } from "./split-reply.ts";

/** Shows a growing text within the platform's pace, in as many messages as it needs. The final text is always shown, after all earlier ones. */
export interface ReplyStream {
  /** The whole text so far, Markdown; shown when the pace allows, skipped when a newer one comes first. */
  update(text: string): void;
  /**
   * Resolves when the platform has the final text, or has refused it for good (which the log tells). `onPosted` is called with
   * the places of all parts in order: before the last edits where earlier text was shown, else right after posting; again when a
   * place changed since. It stores the delivery that it is given; `isWhole` says that nothing is left to be shown. Rejects with the
   * platform's last error when it fails for a minute, or when it does not take the credentials.
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

export interface ReplyStreamParts extends ReplyPartsParts {
  readonly log: Log;
}

/** Pauses between the tries to show a final text: six tries within a minute. */
const RETRY_MS = [500, 2000, 6000, 16_000, 32_000];
/** Pauses between the tries to show the first words, while a person looks at nothing; after these they wait as edits do. */
const FIRST_RETRY_MS = [50, 200];
/** Why nothing grows any more. Made once: an error is as dear as a write, and nearly every reply needs one. */
const FINAL = new Error("the final text comes");

export function openReplyStream(parts: ReplyStreamParts, target: ReplyTarget): ReplyStream {
  const { connector, chat, now, log } = parts;
  const pace = paceOf(connector, now);
  const channelKey = channelKeyOf(connector, target);
  const split = openSplitter(connector.limits.messageCharsMax);
  const posts = openReplyParts(parts, target);
  const growing = new AbortController();
  let latest: string | undefined;
  let isDirty = false;
  let isRefused = false;
  /** Parts for whose end the platform's connector keeps room. */
  const keptRoom = new Set<number>();
  let nextShowAtMs = Number.NEGATIVE_INFINITY;
  let firstFailures = 0;
  let showing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** Every part as it should look. All but the last are complete. */
  function describeParts(text: string, isFinal: boolean, actions: readonly ReplyAction[]): readonly ReplyPart[] {
    const pieces = split(connector.render(text));
    return pieces.map(({ shown }, part) => {
      const isLast = part === pieces.length - 1;
      return { ...target, part, text: shown, isFinal: isFinal || !isLast, actions: isLast ? actions : [] };
    });
  }

  async function write(part: ReplyPart): Promise<void> {
    try {
      await posts.put(part);
    } catch (error) {
      const retryAfterMs = readRetryAfterMs(error);
      if (retryAfterMs !== undefined) pace.pause(channelKey, now() + retryAfterMs);
      throw error;
    } finally {
      // A platform that refuses an edit is not asked again any sooner.
      const quickMs = posts.isUnseen(part.part) ? FIRST_RETRY_MS[firstFailures++] : undefined;
      nextShowAtMs = now() + Math.min(quickMs ?? Number.POSITIVE_INFINITY, connector.limits.editIntervalMs);
      posts.of(part.part).nextEditAtMs = nextShowAtMs;
    }
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
    await posts.load();
    while (!growing.signal.aborted) {
      isDirty = false;
      const change = nextGrowing();
      if (change === undefined) return;
      const { posted, isUnknown, nextEditAtMs } = posts.of(change.part);
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
    return latest === undefined ? undefined : posts.nextChange(describeParts(latest, false, ["stop"]));
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
      const state = posts.of(part.part);
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
        const pauseMs = (posts.isUnseen(part) ? FIRST_RETRY_MS[firstFailures - 1] : undefined) ?? RETRY_MS[tries];
        if (error instanceof PlatformRefusedError || pauseMs === undefined) throw error;
        log.warn({ turnId: target.turnId, part, err: error }, "reply.retried");
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  async function showFinal(wanted: readonly ReplyPart[], onPosted: OnPosted): Promise<void> {
    let told = "";
    const tell = async () => {
      const places = posts.places(wanted.length);
      const ids = JSON.stringify(places);
      const delivery = posts.takeUnsaved();
      if (places.length > 0 && ids !== told) await onPosted(places, delivery, posts.isWhole(wanted));
      else if (delivery !== undefined) await chat.saveDelivery(delivery);
      told = ids;
    };
    try {
      const isNew = ({ part }: ReplyPart) => posts.of(part).posted === undefined;
      // After the last of these all have their places: its delivery is stored with those.
      posts.holdDeliveryOf(wanted.findLast(isNew)?.part);
      for (const part of wanted) if (isNew(part)) await persist(part);
      posts.holdDeliveryOf(undefined);
      await tell();
      for (let change = posts.nextChange(wanted); change !== undefined; change = posts.nextChange(wanted)) {
        await persist(change);
      }
    } finally {
      await tell();
    }
  }

  async function leaveRoom(): Promise<void> {
    for (const part of keptRoom) await connector.leaveRoom?.({ turnId: target.turnId, part });
    keptRoom.clear();
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
      await posts.load();
      const wanted = describeParts(text, true, actions);
      try {
        await showFinal(wanted, onPosted);
        for (const part of posts.surplus(wanted.length)) await retry(part, () => posts.remove(part));
      } catch (error) {
        // Credentials are changed by the operator, and then nothing stands in the way of the text.
        if (!(error instanceof PlatformRefusedError) || error.reason === "credentials") throw error;
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
      await posts.load();
      return posts.places();
    },
    async offer(emoji) {
      const posted = posts.places().at(-1);
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

/** Platforms that say how long to wait put it on the error. */
function readRetryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("retryAfterMs" in error)) return undefined;
  return typeof error.retryAfterMs === "number" ? error.retryAfterMs : undefined;
}
