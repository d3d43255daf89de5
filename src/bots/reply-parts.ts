import type { Now } from "#core/clock.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import type { Delivery } from "#core/inbox.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { PlatformConnector, PostedPart, ReplyPart } from "./platform-connector.ts";

/** Where a reply goes; its parts follow. The caller has saved the planned delivery of part 0, or the turn with its whole reply. */
export type ReplyTarget = Omit<ReplyPart, "part" | "text" | "isFinal" | "actions">;

export interface ReplyPartsParts {
  readonly connector: PlatformConnector;
  readonly chat: Pick<ChatStore, "listDeliveries" | "saveDelivery">;
  readonly now: Now;
  /** The reply was begun before, and may have been posted. */
  readonly isRetry: boolean;
  /** Messages of an answer that this one takes the place of, in order of their parts. */
  readonly earlier?: readonly PostedPart[];
}

/** The messages of one reply, as the platform and the store have them. */
export interface ReplyParts {
  /** After a kill the store knows what was posted, and what may have been. */
  load(): Promise<void>;
  of(part: number): PartState;
  /** The person has nothing to read yet. */
  isUnseen(part: number): boolean;
  /** The first that the platform does not show like this. */
  nextChange(wanted: readonly ReplyPart[]): ReplyPart | undefined;
  /** Nothing is left to be shown, and nothing to be removed. */
  isWhole(wanted: readonly ReplyPart[]): boolean;
  /** Where the first `count` parts stand, in order; all of them when not given. */
  places(count?: number): readonly PostedPart[];
  /** Posts the part, or edits it where it stands, and stores where. Rejects as the platform or the store does. */
  put(part: ReplyPart): Promise<void>;
  /** The delivery of this part is not stored when it is posted: `takeUnsaved` gives it. */
  holdDeliveryOf(part: number | undefined): void;
  takeUnsaved(): Delivery | undefined;
  /** Parts past the first `count` that stand somewhere, or may: a text that became shorter leaves them over. */
  surplus(count: number): readonly number[];
  /** Takes what stands of this part away. */
  remove(part: number): Promise<void>;
}

export interface PartState {
  posted?: PostedPart;
  /** What the platform was told last, and took. */
  shown?: string;
  /** A post may have arrived: look before posting again. */
  isUnknown: boolean;
  isReposted: boolean;
  /** Edits that only show progress wait until then. */
  nextEditAtMs: number;
}

export function openReplyParts(parts: ReplyPartsParts, target: ReplyTarget): ReplyParts {
  const { connector, chat, now } = parts;
  const states: PartState[] = (parts.earlier ?? []).map((posted) => ({ ...newState(), posted }));
  let isLoaded = !parts.isRetry;
  let held: number | undefined;
  let unsaved: Delivery | undefined;

  function stateOf(part: number): PartState {
    for (let at = states.length; at <= part; at++) states.push(newState());
    return states[part] ?? newState();
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
    if (part.part === held) unsaved = delivery;
    else await chat.saveDelivery(delivery);
  }

  async function saveDelivery(part: number, state: "planned" | "posted", messageId?: string): Promise<void> {
    await chat.saveDelivery(deliveryOf(part, state, messageId));
  }

  function deliveryOf(part: number, state: "planned" | "posted", messageId?: string): Delivery {
    const known = messageId === undefined ? {} : { messageId };
    return { turnId: target.turnId, part, state, ...known, changedAtMs: now() };
  }

  function nextChange(wanted: readonly ReplyPart[]): ReplyPart | undefined {
    return wanted.find((part) => states[part.part]?.shown !== keyOf(part));
  }

  function surplus(count: number): readonly number[] {
    const mayStand = (part: number) => states[part]?.posted !== undefined || states[part]?.isUnknown === true;
    return [...states.keys()].filter((part) => part >= count && mayStand(part));
  }

  return {
    async load() {
      if (isLoaded) return;
      for (const { part, messageId } of await chat.listDeliveries(target.turnId)) {
        const state = stateOf(part);
        if (messageId === undefined) state.isUnknown = true;
        else state.posted = { messageId };
      }
      const first = stateOf(0);
      first.isUnknown = first.posted === undefined;
      isLoaded = true;
    },
    of: stateOf,
    isUnseen: (part) => part === 0 && states[0]?.posted === undefined,
    nextChange,
    isWhole: (wanted) => nextChange(wanted) === undefined && surplus(wanted.length).length === 0,
    places: (count) => states.slice(0, count).flatMap(({ posted }) => posted ?? []),
    async put(part) {
      const state = stateOf(part.part);
      if (state.posted === undefined && state.isUnknown) await find(part, state);
      if (state.posted === undefined) await post(part, state);
      else await connector.edit(state.posted, part);
      state.shown = keyOf(part);
    },
    holdDeliveryOf(part) {
      held = part;
    },
    takeUnsaved() {
      const taken = unsaved;
      unsaved = undefined;
      return taken;
    },
    surplus,
    async remove(part) {
      const { posted = await connector.reconcile({ ...target, part, actions: [] }) } = stateOf(part);
      if (posted !== undefined) await connector.remove(placeOf(target, posted));
      states[part] = newState();
    },
  };
}

export function placeOf({ workspaceId, channelId, threadId }: ReplyTarget, { messageId }: PostedPart) {
  return { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }), messageId };
}

function newState(): PartState {
  return { isUnknown: false, isReposted: false, nextEditAtMs: Number.NEGATIVE_INFINITY };
}

function keyOf({ text, isFinal, actions }: ReplyPart): string {
  return JSON.stringify([text, isFinal, actions]);
}
