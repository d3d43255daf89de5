import { describeError } from "#core/errors.ts";
import type { InboxEvent } from "#core/inbox.ts";
import type { AnsweringParts, EventsToEnd } from "./answering-parts.ts";
import { type AskedMessage, stopReasonOf } from "./overlap.ts";

/** An event whose answer crashed this often is given up, with a notice. */
const ATTEMPTS_MAX = 3;
/** A message that ends the whole program each time must not do so for ever; kills that only met it by chance are fewer. */
const CLAIMS_MAX = 10;

/**
 * The one place where a failed answer is decided: tried again, given up with a word after too many failures or kills. `events`
 * are the messages that `message` joins, oldest first; the first one's is the turn, so it is finished last. Resolves to whether
 * they are to be answered again.
 */
export async function answerClaimed(
  parts: AnsweringParts,
  events: readonly InboxEvent[],
  message: AskedMessage,
  signal: AbortSignal,
): Promise<"over" | "again"> {
  const [event] = events;
  const connector = parts.connectors.get(message.platform);
  if (event === undefined || connector === undefined) return "over";
  // An edit that waited for its place may be older than what another process answered there meanwhile.
  const mayBeOld = event.attempts > 1 || (event.message.revision ?? 0) > 0;
  if (mayBeOld && (await isAnsweredElsewhere(parts, event))) {
    await dropOvertaken(parts, event);
    return "over";
  }
  if (event.attempts > CLAIMS_MAX) {
    await giveUp(parts, event, "the program stopped while I did");
    return "over";
  }
  try {
    const ending = eventsToEnd(events);
    await parts.answer(connector, parts.turnIdOf(event.id), message, signal, ending);
    for (const id of ending.take()) await parts.chat.finishEvent(id);
  } catch (error) {
    parts.log.error({ eventId: event.id, attempts: event.attempts, err: error }, "turn.failed");
    if (stopReasonOf(signal) === "deleted") return "over";
    if (event.attempts < ATTEMPTS_MAX) return "again";
    await giveUp(parts, event, describeError(error));
    await finishAll(parts, events);
  }
  return "over";
}

async function finishAll({ chat }: AnsweringParts, events: readonly InboxEvent[]): Promise<void> {
  for (const id of eventsToEnd(events).take()) await chat.finishEvent(id);
}

function eventsToEnd(events: readonly InboxEvent[]): EventsToEnd {
  let left = events.map(({ id }) => id).toReversed();
  return {
    take() {
      const taken = left;
      left = [];
      return taken;
    },
  };
}

/**
 * Found again after a kill, or behind another process: another event's turn holds this message, because it was joined to it or edited
 * since. That turn is stored before any of its events is finished, so the message is answered there.
 */
async function isAnsweredElsewhere({ chat, turnIdOf }: AnsweringParts, { id, message }: InboxEvent): Promise<boolean> {
  if (message.regenerationOf !== undefined) return false;
  const turn = await chat.findTurnByMessage(message.workspaceId, message.channelId, message.messageId);
  if (turn === undefined || turn.id === turnIdOf(id)) return false;
  const questions = turn.messages.filter(({ role }) => role === "question");
  if (!questions.some(({ messageId }) => messageId === message.messageId)) return false;
  return turn.revision > (message.revision ?? 0) || questions.length > 1;
}

/** Ends an event that nobody waits for any more. A turn that it had begun does not stream for ever. */
export async function dropOvertaken({ chat, turnIdOf, now, log }: AnsweringParts, { id }: InboxEvent): Promise<void> {
  const turn = await chat.findTurn(turnIdOf(id));
  if (turn?.status === "streaming") await chat.saveTurn({ ...turn, status: "superseded", repliedAtMs: now() });
  await chat.finishEvent(id);
  log.info({ eventId: id }, "inbox.overtaken");
}

/** Too much waits already: a word says so once, the rest of the flood is left out in silence. */
export async function refuseCrowded(parts: AnsweringParts, event: InboxEvent, isTold: boolean): Promise<void> {
  const { message } = event;
  await parts.chat.finishEvent(event.id);
  parts.log.info({ eventId: event.id, reason: "crowded" }, "message.refused");
  // A page of the local platform waits for the answer to each question.
  if (isTold && message.platform !== "local") return;
  await postNotice(
    parts,
    event,
    "One after the other, please: too many messages wait here already. I left this one out.",
  );
}

/** Never silence, and no turn that streams for ever. */
async function giveUp(parts: AnsweringParts, event: InboxEvent, why: string): Promise<void> {
  const turn = await parts.chat.findTurn(parts.turnIdOf(event.id));
  if (turn?.status === "streaming") {
    const provenance = { ...turn.provenance, endedBy: "error" as const };
    await parts.chat.saveTurn({ ...turn, status: "failed", repliedAtMs: parts.now(), provenance });
  }
  await parts.chat.finishEvent(event.id);
  await postNotice(parts, event, `Something went wrong while I answered, more than once: ${why}`);
}

async function postNotice(parts: AnsweringParts, { id, message }: InboxEvent, text: string): Promise<void> {
  const connector = parts.connectors.get(message.platform);
  if (connector === undefined) return;
  const { workspaceId, channelId, threadId } = message;
  const part = {
    workspaceId,
    channelId,
    ...(threadId === undefined ? {} : { threadId }),
    turnId: parts.turnIdOf(id),
    inReplyTo: message.messageId,
    askerId: message.userId,
    part: 0,
    actions: [],
    text: connector.render(text),
    isFinal: true,
  };
  await connector.post(part).catch((cause: unknown) => parts.log.error({ eventId: id, err: cause }, "notice.failed"));
}
