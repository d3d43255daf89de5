import type { Now } from "#core/clock.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PlatformConnector, PostedPart, ReplyPart } from "./platform-connector.ts";

/** Shows a growing text within the platform's pace. The final text is always shown, after all earlier ones. */
export interface ReplyStream {
  /** The whole text so far; shown when the pace allows, skipped when a newer one comes first. */
  update(text: string): void;
  /**
   * Resolves when the platform has the final text. `onPosted` is called once with the reply's place: before the final
   * text where earlier text was shown, else right after it.
   */
  finish(text: string, onPosted: (posted: PostedPart) => Promise<void>): Promise<void>;
}

export interface ReplyStreamParts {
  readonly connector: PlatformConnector;
  readonly chat: ChatStore;
  readonly now: Now;
  /** The reply was begun before, and may have been posted. */
  readonly isRetry: boolean;
  /** An edit that fails on the way is not the end: the next one carries the whole text. */
  readonly onSkippedEdit: (error: unknown) => void;
}

export function openReplyStream(parts: ReplyStreamParts, target: Omit<ReplyPart, "text" | "isFinal">): ReplyStream {
  const { connector, chat, now } = parts;
  let posted: PostedPart | undefined;
  let latest: string | undefined;
  let showing: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let shownAtMs = 0;
  let isFinished = false;
  let isUnknown = parts.isRetry;

  async function show(text: string, isFinal: boolean): Promise<PostedPart> {
    const part = { ...target, text, isFinal };
    try {
      if (posted === undefined && isUnknown) posted = await connector.reconcile(target);
      if (posted === undefined) posted = await post(part);
      else await connector.edit(posted, part);
    } finally {
      // A platform that refuses is not asked again any sooner.
      shownAtMs = now();
    }
    return posted;
  }

  /** A post that failed may have arrived: the next one looks before it posts. */
  async function post(part: ReplyPart): Promise<PostedPart> {
    isUnknown = true;
    const { messageId } = await connector.post(part);
    await chat.saveDelivery({
      turnId: target.turnId,
      part: target.part,
      state: "posted",
      messageId,
      changedAtMs: now(),
    });
    return { messageId };
  }

  function showNext(): void {
    if (isFinished || showing !== undefined || timer !== undefined || latest === undefined) return;
    const waitMs = Math.max(0, shownAtMs + connector.limits.editIntervalMs - now());
    timer = setTimeout(() => {
      timer = undefined;
      const text = latest;
      latest = undefined;
      if (text === undefined || isFinished) return;
      showing = show(text, false)
        .then(() => {}, parts.onSkippedEdit)
        .finally(() => {
          showing = undefined;
          showNext();
        });
    }, waitMs);
  }

  return {
    update(text) {
      latest = text;
      showNext();
    },
    async finish(text, onPosted) {
      isFinished = true;
      clearTimeout(timer);
      await showing;
      if (posted === undefined) {
        await onPosted(await show(text, true));
      } else {
        await onPosted(posted);
        await show(text, true);
      }
    },
  };
}
