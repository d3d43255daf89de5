import { type Feedback, scoreOfEmoji } from "#core/feedback.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { platformOf } from "#core/scope.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import { acceptDeletion } from "./accept-deletion.ts";
import { acceptEdit, type EditParts } from "./accept-edit.ts";
import { changeVisibility, erasePlace, type PlaceParts } from "./accept-place-event.ts";
import { acceptReactions } from "./accept-reactions.ts";
import type { Answering } from "./answering.ts";
import type { ChatCommand } from "./chat-command.ts";
import { collectFeedback, type FeedbackParts, type FindGrowing } from "./collect-feedback.ts";
import { greetChannel } from "./greet-channel.ts";
import { greetWorkspace } from "./greet-workspace.ts";
import type { Intake, MessageGlance, PlaceEvent, PlatformFeedback, PostedPlace, QuestionEdit } from "./intake.ts";
import { createMessageOrder } from "./message-order.ts";
import type { PlaceSettings, SettingsWatch } from "./place-settings.ts";
import type { CommandRunner } from "./run-command.ts";
import type { OnceParts } from "./tell-once.ts";
import { createToldElsewhere, type MessageChange } from "./told-elsewhere.ts";

export interface IntakeParts extends EditParts, PlaceParts, OnceParts {
  readonly answering: Answering;
  readonly privacy: Pick<PrivacyStore, "eraseTurn" | "erasePlace">;
  readonly people: Pick<PeopleStore, "appendAudit" | "listDeletions">;
  readonly events: EventBus;
  readonly collect: FeedbackCollector;
  readonly commands: readonly ChatCommand[];
  readonly runner: CommandRunner;
  /** Takes what learned from erased turns out of service. */
  readonly forgetTurns: (workspaceId: string, turnIds: readonly string[], reason: string) => Promise<unknown>;
  /** Say once per channel what is stored. */
  readonly firstContactNotice: boolean;
  /** Other processes answer in the same places: what this one does not know may be theirs. */
  readonly hasPeers?: boolean;
}

export interface OpenIntake extends Intake {
  /** Hears of nothing more, and waits for what goes on after events were accepted. */
  settle(): Promise<void>;
}

/** Channels that are known to have had their notice; past that the store is asked again. */
const GREETED_MAX = 10_000;

export function createIntake(parts: IntakeParts): OpenIntake {
  const { answering, places, log } = parts;
  const tasks = new Set<Promise<void>>();
  const greeted = new Set<string>();
  const order = createMessageOrder(parts.now);

  /** Goes on after the event is durable; a failure is told by the log alone. */
  function later(event: string, act: () => Promise<unknown>): void {
    const task = act()
      .then(() => {})
      .catch((error: unknown) => log.error({ err: error }, event));
    tasks.add(task);
    void task.finally(() => tasks.delete(task));
  }

  function greet(message: IncomingMessage): void {
    if (!parts.firstContactNotice || message.platform === "local") return;
    const channel = JSON.stringify([message.workspaceId, message.channelId]);
    if (greeted.has(channel)) return;
    if (greeted.size >= GREETED_MAX) greeted.clear();
    greeted.add(channel);
    later("notice.failed", () => greetChannel(parts, message));
  }

  async function acceptPlaceEvent(event: PlaceEvent): Promise<void> {
    const { workspaceId } = event;
    if (event.kind === "joined") {
      later("welcome.failed", () => greetWorkspace(parts, workspaceId, event.adminId));
    } else if (event.kind === "visibility-changed") {
      await changeVisibility(parts, event);
    } else {
      const { turnIds } = await erasePlace(parts, event);
      if (event.kind === "left") greeted.clear();
      later("forgetting.failed", () => parts.forgetTurns(workspaceId, turnIds, "the place is gone"));
    }
  }

  const elsewhere = parts.hasPeers === true ? createToldElsewhere(parts.events, acceptTold) : undefined;

  /** What a person did to a message that is answered here, while another process was told of it. */
  function acceptTold(told: MessageChange): void {
    const { change, workspaceId, channelId, messageId } = told;
    const place = { workspaceId, channelId, messageId };
    if (change === "edited") answering.giveUpOlder(place, told.revision ?? 0);
    else if (change === "stopped") later("stop.failed", () => stopHere(place));
    else if (isHeld(place)) later("deletion.unfinished", () => acceptDeletionOf(place));
    else order.noteDeleted(place);
  }

  function isHeld(place: MessagePlace): boolean {
    return answering.underWay(place).some(({ message }) => message.messageId === place.messageId);
  }

  async function stopHere(place: MessagePlace): Promise<boolean> {
    const turnId = await findTurnUnderWay(parts, place);
    return turnId !== undefined && answering.stopReply(turnId);
  }

  /** False when nothing is known of such a question. */
  async function acceptDeletionOf(place: PostedPlace): Promise<boolean> {
    const rest = await order.inTurn(place, () => {
      order.noteDeleted(place);
      return acceptDeletion(parts, place);
    });
    if (rest === undefined) return false;
    later("deletion.unfinished", async () => {
      const connector = parts.connectors.get(platformOf(place.workspaceId));
      if (connector !== undefined) await rest.finish(connector);
      await parts.forgetTurns(place.workspaceId, rest.turnIds, "the question was deleted");
    });
    return true;
  }

  /** False: nothing is known of such a question. */
  function acceptEditOf(edit: QuestionEdit): Promise<boolean> {
    return order.inTurn(edit, async () => {
      if (!order.isNewestEdit(edit) || order.isDeleted(edit)) return true;
      const taken = await acceptEdit(parts, edit);
      if (taken === "unknown") order.keepEdit(edit);
      else order.takeEdit(edit);
      if (taken === "accepted") elsewhere?.tell({ ...namesOf(edit), change: "edited", revision: edit.editedAtMs });
      return taken !== "unknown";
    });
  }

  return {
    wants: (glance) => wants(places, glance),
    acceptMessage: (eventId, message, options) =>
      order.inTurn(message, async () => {
        if (order.isDeleted(message)) return void log.info({ eventId }, "message.deleted-before");
        const { isNew } = await answering.accept(eventId, message, options);
        if (!isNew) return;
        greet(message);
        const edit = order.takeEdit(message);
        if (edit !== undefined) await acceptEdit(parts, edit);
      }),
    async acceptEdit(edit) {
      if ((await acceptEditOf(edit)) || elsewhere === undefined) return;
      later("edit.failed", () => elsewhere.tryLater(() => acceptEditOf(edit)));
    },
    async acceptDeletion(place) {
      const isKnown = await acceptDeletionOf(place);
      elsewhere?.tell({ ...namesOf(place), change: "deleted" });
      if (isKnown || elsewhere === undefined) return;
      later("deletion.unfinished", () => elsewhere.tryLater(() => acceptDeletionOf(place)));
    },
    async acceptFeedback(change) {
      if ((await parts.collect(change)) !== undefined || elsewhere === undefined || change.source !== "reaction")
        return;
      // A reply that another process is writing has its place in the store when it ends.
      if (!isFeedback(parts, change)) return;
      later("feedback.failed", () => elsewhere.tryLater(async () => (await parts.collect(change)) !== undefined));
    },
    acceptReactions: (snapshot) => acceptReactions({ ...parts, findGrowing: growingIn(parts) }, snapshot),
    acceptPlaceEvent,
    async stopReply(place) {
      const isStopped = await stopHere(place);
      if (!isStopped) elsewhere?.tell({ ...namesOf(place), change: "stopped" });
      return isStopped;
    },
    commands: parts.commands,
    runCommand: (call) => parts.runner.run(call),
    completeOption: (call, option, typed) => parts.runner.complete(call, option, typed),
    async settle() {
      elsewhere?.stop();
      while (tasks.size > 0) await Promise.all(tasks);
    },
  };
}

/** The rules of the place. A direct message needs no mention and stands in no channel of a list; roles count there too. */
function wants(places: Pick<SettingsWatch, "of">, glance: MessageGlance): boolean {
  const { workspaceId, channelId, visibility, isAddressed } = glance;
  const settings = places.of({ platform: platformOf(workspaceId), workspaceId, channelId, visibility });
  if (settings.isPaused || !hasRole(settings, glance.roles)) return false;
  if (visibility === "direct") return true;
  const isAllowed = settings.allowedChannels.length === 0 || settings.allowedChannels.includes(channelId);
  return isAllowed && (isAddressed || settings.mention === "not-required");
}

function hasRole({ allowedRoles }: PlaceSettings, roles: readonly string[]): boolean {
  return allowedRoles.length === 0 || roles.some((role) => allowedRoles.includes(role));
}

export type FeedbackCollector = (given: PlatformFeedback) => Promise<Feedback | undefined>;

export interface CollectorParts extends Omit<FeedbackParts, "emoji" | "findGrowing"> {
  readonly places: Pick<SettingsWatch, "of">;
  readonly answering: Pick<Answering, "underWay">;
}

/** Feedback by the emoji of its place, also on a reply that still grows. */
export function createFeedbackCollector(parts: CollectorParts): FeedbackCollector {
  const findGrowing = growingIn(parts);
  return (given) => {
    const { workspaceId, channelId } = given;
    const { emoji } = parts.places.of({ platform: platformOf(workspaceId), workspaceId, channelId });
    return collectFeedback({ ...parts, emoji, findGrowing }, given);
  };
}

function growingIn(parts: Pick<CollectorParts, "answering" | "chat">): FindGrowing {
  return async (place) => {
    const turnId = await findGrowingReply(parts, place);
    return turnId === undefined ? undefined : parts.chat.findTurn(turnId);
  };
}

type MessagePlace = Pick<PostedPlace, "workspaceId" | "channelId" | "messageId">;

function namesOf({ workspaceId, channelId, messageId }: MessagePlace): MessagePlace {
  return { workspaceId, channelId, messageId };
}

/** Most emoji of a workspace are none. */
function isFeedback(
  { places }: Pick<IntakeParts, "places">,
  { workspaceId, channelId, emoji }: PlatformFeedback,
): boolean {
  const settings = places.of({ platform: platformOf(workspaceId), workspaceId, channelId });
  return emoji !== undefined && scoreOfEmoji(emoji, settings.emoji) !== undefined;
}

/** By its question, or by what was posted of its reply so far. */
async function findTurnUnderWay(
  parts: Pick<CollectorParts, "answering" | "chat">,
  place: MessagePlace,
): Promise<string | undefined> {
  const asked = parts.answering.underWay(place).find(({ message }) => message.messageId === place.messageId);
  return asked?.turnId ?? findGrowingReply(parts, place);
}

async function findGrowingReply(
  { answering, chat }: Pick<CollectorParts, "answering" | "chat">,
  { messageId, ...channel }: MessagePlace,
): Promise<string | undefined> {
  const running = answering.underWay(channel).filter(({ isRunning }) => isRunning);
  for (const turnId of new Set(running.map((item) => item.turnId))) {
    const deliveries = await chat.listDeliveries(turnId);
    if (deliveries.some((delivery) => delivery.messageId === messageId)) return turnId;
  }
  return undefined;
}
