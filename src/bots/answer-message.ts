import type { Turn, TurnMessage } from "#core/turn.ts";
import type { AnswerRecords } from "#store/chat-store.ts";
import { rememberReply } from "./answer-from-cache.ts";
import type { AnswerParts } from "./answer-parts.ts";
import type { EventsToEnd } from "./answering-parts.ts";
import { type Draft, draftTurn } from "./draft-turn.ts";
import { createOutputFilter } from "./filter-output.ts";
import { type EndedReply, generateReply, NO_ANSWER, STOPPED } from "./generate-reply.ts";
import { offeredEmoji } from "./offered-emoji.ts";
import { type AskedMessage, stopReasonOf } from "./overlap.ts";
import type { PlaceSettings } from "./place-settings.ts";
import type { PlatformConnector, PostedPart, ReplyAction } from "./platform-connector.ts";
import { readQuestion } from "./read-question.ts";
import type { ReplyTarget } from "./reply-parts.ts";
import { type OnPosted, openReplyStream, type ReplyStream } from "./stream-reply.ts";
import { takeOverEdited } from "./take-over-edited.ts";

/** What a message leads to: a stored turn, or a notice why not; no notice when the person was told before. */
export type Answered = { readonly turn: Turn } | { readonly notice?: string };

/**
 * Answers one accepted message, start to end: check, place, route, choose the arm, ask the cache, generate, deliver.
 * Aborting `signal` stops the reply; what was written so far stays, unless the question is gone or was edited. Doing it twice
 * with one `turnId` writes one turn: a reply that was stored is shown again, never made again. A reply from the cache ends its events
 * as its place is stored, since nothing is to be done after that.
 */
export async function answerMessage(
  parts: AnswerParts,
  connector: PlatformConnector,
  turnId: string,
  message: AskedMessage,
  signal: AbortSignal,
  ending: EventsToEnd = NO_EVENTS,
): Promise<Answered> {
  const { chat, now, log } = parts;
  const stored = await chat.findTurn(turnId);
  const questions = questionsOf(message, stored);
  const target = replyTarget(turnId, message, questions);
  const openStream = (isRetry: boolean) => openReplyStream({ connector, chat, now, log, isRetry }, target);
  if (stored?.status === "deleted") return {};
  if (stored !== undefined && stored.status !== "streaming") {
    const settings = parts.places.of(message);
    const delivery = { stream: openStream(true), settings, begun: {}, ending: NO_EVENTS };
    return { turn: await deliver(parts, { turn: stored, shown: shownAgain(stored) }, delivery) };
  }
  const read = await readQuestion(parts, connector, { message, stored }, signal);
  if (!read.isAccepted) {
    const { notice, reason } = read;
    if (notice !== undefined) {
      await connector.post({ ...target, part: 0, text: connector.render(notice), isFinal: true, actions: [] });
    }
    log.info({ turnId, reason }, "message.refused");
    return notice === undefined ? {} : { notice };
  }
  if (stopReasonOf(signal) === "deleted") return {};

  const edited = stored === undefined ? await takeOverEdited(parts, turnId, message) : undefined;
  const { question, images, notice, again } = read;
  const interrupted = stored ?? edited?.place;
  const drafted = await draftTurn(parts, { turnId, message, question, images, again, interrupted });
  const draft = { ...drafted, turn: { ...drafted.turn, messages: questions } };
  const hasBegun = stored !== undefined || edited?.hasPosts === true;
  const isWaiting = draft.cached.entry === undefined;
  const begun = await beginTurn(parts, draft, { hasBegun, isWaiting });
  // A reply that is there already is stored with its turn, in one write.
  if (isWaiting) await chat.saveAnswer({ ...begun, turn: draft.turn });
  const stream = openStream(hasBegun);
  const left = isWaiting ? { begun: {}, ending: NO_EVENTS } : { begun, ending };
  return { turn: await finishAnswer(parts, { connector, target, draft, stream, notice, ...left }, signal) };
}

const NO_EVENTS: EventsToEnd = { take: () => [] };

interface Answer {
  readonly connector: PlatformConnector;
  readonly target: ReplyTarget;
  readonly draft: Draft;
  /** What is still to be stored with the turn. */
  readonly begun: Pick<AnswerRecords, "conversation" | "delivery">;
  /** What ends as the last of it is stored. */
  readonly ending: EventsToEnd;
  readonly stream: ReplyStream;
  /** Stands before the reply where it is shown, and is stored nowhere. */
  readonly notice: string;
}

async function finishAnswer(parts: AnswerParts, answer: Answer, signal: AbortSignal): Promise<Turn> {
  const { connector, target, draft, stream } = answer;
  const settings = parts.places.of(draft.turn);
  const { blockedWords } = settings;
  const { moderator, log } = parts;
  const filter = createOutputFilter({ blockedWords, log, ...(moderator === undefined ? {} : { moderator }) });
  const made =
    draft.cached.entry === undefined
      ? await generate(parts, answer, filter.growing, signal)
      : serveCached(parts, draft, draft.cached.entry.reply);
  const stopReason = stopReasonOf(signal);
  if (stopReason === "deleted" || stopReason === "edited") {
    return giveUp(parts, answer, made.turn, stopReason);
  }
  const noticed = { ...made, shown: answer.notice + made.shown };
  const ended = await filter.ended(stopReason === "replaced" ? supersede(noticed) : noticed);
  const turn = await deliver(parts, ended, { ...answer, settings });
  if (stopReasonOf(signal) === "deleted") {
    await removePosts(connector, target, turn.messages);
    return turn;
  }
  if (turn.status === "complete" && settings.offerEmoji) void stream.offer(offeredEmoji(settings.emoji));
  await rememberOutcome(parts, draft, turn);
  return turn;
}

/** Shows that it works until the first words are there. */
async function generate(
  parts: AnswerParts,
  { connector, target, draft, stream, notice }: Answer,
  growing: (text: string) => string,
  signal: AbortSignal,
): Promise<EndedReply> {
  const busy = new AbortController();
  connector.showBusy(target, busy.signal);
  const show = (text: string) => {
    const visible = growing(text);
    if (visible.trim() === "") return;
    stream.update(notice + visible);
    busy.abort();
  };
  try {
    return await generateReply(parts, draft, show, signal);
  } finally {
    busy.abort();
  }
}

function supersede({ turn, shown }: EndedReply): EndedReply {
  return { turn: { ...turn, status: "superseded" }, shown };
}

/** Nobody waits for this reply any more. Of a question that is gone nothing stays; an edited one's next answer takes the posts. */
async function giveUp(
  parts: AnswerParts,
  { connector, target, stream, begun }: Answer,
  turn: Turn,
  why: "deleted" | "edited",
): Promise<Turn> {
  const posted = await stream.abandon();
  const questions = turn.messages.filter(({ role }) => role === "question");
  const status = why === "deleted" ? "deleted" : "superseded";
  const ended: Turn = { ...turn, question: "", reply: "", status, repliedAtMs: parts.now(), messages: questions };
  const { conversation } = begun;
  await parts.chat.saveAnswer({ ...(conversation === undefined ? {} : { conversation }), turn: ended });
  if (why === "deleted") await removePosts(connector, target, replyMessages(posted));
  parts.events.publish({ kind: "turn.answered", turnId: turn.id });
  parts.log.info({ turnId: turn.id, why }, "reply.given-up");
  return ended;
}

async function removePosts(
  connector: PlatformConnector,
  { workspaceId, channelId, threadId }: ReplyTarget,
  messages: readonly TurnMessage[],
): Promise<void> {
  const place = { workspaceId, channelId, ...(threadId === undefined ? {} : { threadId }) };
  for (const { role, messageId } of messages) if (role === "reply") await connector.remove({ ...place, messageId });
}

/** Of a turn that ended before its end was shown. Notices are not stored with it. */
function shownAgain({ reply, status }: Turn): string {
  if (reply !== "") return reply;
  return status === "complete" || status === "failed" ? NO_ANSWER : STOPPED;
}

/** All messages whose words are asked; the reply stands under the first of them. */
function questionsOf(
  { messageId, joinedMessageIds = [] }: AskedMessage,
  stored: Turn | undefined,
): readonly TurnMessage[] {
  const known = stored?.messages.filter(({ role }) => role === "question") ?? [];
  const ids = new Set([...known.map((item) => item.messageId), messageId, ...joinedMessageIds]);
  return [...ids].map((id, part) => ({ messageId: id, role: "question", part }));
}

function replyTarget(turnId: string, message: AskedMessage, questions: readonly TurnMessage[]): ReplyTarget {
  return {
    turnId,
    workspaceId: message.workspaceId,
    channelId: message.channelId,
    ...(message.threadId === undefined ? {} : { threadId: message.threadId }),
    inReplyTo: questions[0]?.messageId ?? message.messageId,
    askerId: message.userId,
  };
}

/**
 * With the turn these are durable before anything is posted: a kill from then on is finished after the restart. A whole reply without
 * its place says as much as a planned delivery would.
 */
async function beginTurn(
  { chat, now }: AnswerParts,
  { turn, conversation: placed }: Draft,
  { hasBegun, isWaiting }: { readonly hasBegun: boolean; readonly isWaiting: boolean },
): Promise<Pick<AnswerRecords, "conversation" | "delivery">> {
  const conversation = {
    ...placed,
    domain: turn.domain.domain,
    lastTurnAtMs: Math.max(placed.lastTurnAtMs, turn.askedAtMs),
    turns: Math.max(placed.turns, turn.position + 1),
  };
  if (!isWaiting) return { conversation };
  const isPosted = hasBegun && (await chat.listDeliveries(turn.id)).some(({ part }) => part === 0);
  if (isPosted) return { conversation };
  return { conversation, delivery: { turnId: turn.id, part: 0, state: "planned", changedAtMs: now() } };
}

function serveCached(parts: AnswerParts, { turn, startedAtMs }: Draft, reply: string): EndedReply {
  const nowMs = parts.now();
  const provenance = { ...turn.provenance, endedBy: "cache" as const, totalMs: nowMs - startedAtMs };
  return { turn: { ...turn, reply, status: "complete", repliedAtMs: nowMs, provenance }, shown: reply };
}

/** Invariant 1: the reply is in the store when its last text is shown; its place on the platform follows. */
async function deliver(
  parts: AnswerParts,
  { turn, shown }: EndedReply,
  { stream, settings, begun, ending }: Pick<Answer, "stream" | "begun" | "ending"> & { settings: PlaceSettings },
): Promise<Turn> {
  await parts.chat.saveAnswer({ ...begun, turn });
  let delivered = turn;
  const onPosted: OnPosted = async (posted, delivery, isWhole) => {
    const questions = turn.messages.filter(({ role }) => role === "question");
    delivered = { ...turn, messages: [...questions, ...replyMessages(posted)] };
    await parts.chat.saveAnswer({
      turn: delivered,
      ...(delivery === undefined ? {} : { delivery }),
      ...(isWhole ? { finishedEventIds: ending.take() } : {}),
    });
  };
  await stream.finish(shown, onPosted, settings.replyButtons ? finalActions(turn) : []);
  parts.events.publish({ kind: "turn.answered", turnId: turn.id });
  return delivered;
}

function finalActions({ status }: Turn): readonly ReplyAction[] {
  return status === "complete" ? ["rate", "regenerate", "report"] : ["regenerate"];
}

function replyMessages(posted: readonly PostedPart[]): readonly TurnMessage[] {
  return posted.map(({ messageId }, part) => ({ messageId, role: "reply", part }));
}

async function rememberOutcome(parts: AnswerParts, draft: Draft, turn: Turn): Promise<void> {
  const { provenance, domain } = turn;
  if (turn.status === "complete" && provenance.endedBy === "stop" && draft.cached.isCacheable) {
    const { vector } = draft.cached;
    await rememberReply(parts.cache, parts.embedder, parts.settings.cache, {
      scope: draft.cacheScopeOf(turn.arm),
      question: turn.question,
      reply: turn.reply,
      turnId: turn.id,
      domain: domain.domain,
      ...(vector === undefined ? {} : { vector }),
      nowMs: parts.now(),
    });
  }
  if (provenance.endedBy !== "cache") {
    await parts.models.saveUse({
      modelDigest: provenance.modelDigest,
      modelName: provenance.modelName,
      atMs: parts.now(),
      failed: turn.status === "failed",
      totalMs: provenance.totalMs,
      replyTokens: provenance.replyTokens,
    });
  }
  parts.log.info(
    {
      turnId: turn.id,
      domain: domain.domain,
      routedBy: domain.by,
      adapter: turn.arm.adapterDigest ?? null,
      cache: provenance.cache.hit,
      status: turn.status,
      firstTokenMs: provenance.firstTokenMs ?? null,
      totalMs: provenance.totalMs,
      replyTokens: provenance.replyTokens,
    },
    "turn.answered",
  );
}
