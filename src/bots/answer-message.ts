import type { IncomingMessage } from "#core/inbox.ts";
import type { Turn } from "#core/turn.ts";
import { rememberReply } from "./answer-from-cache.ts";
import type { AnswerParts } from "./answer-parts.ts";
import { checkMessage } from "./check-message.ts";
import { type Draft, draftTurn } from "./draft-turn.ts";
import { type EndedReply, generateReply, NO_ANSWER, STOPPED } from "./generate-reply.ts";
import type { PlatformConnector } from "./platform-connector.ts";
import { openReplyStream, type ReplyStream, type ReplyTarget } from "./stream-reply.ts";

/** What a message leads to: a stored turn, or a notice why not; no notice when the person was told before. */
export type Answered = { readonly turn: Turn } | { readonly notice?: string };

/**
 * Answers one accepted message, start to end: check, place, route, choose the arm, ask the cache, generate, deliver.
 * Aborting `signal` stops the reply; what was written so far stays. Doing it twice with one `turnId` writes one turn: a
 * reply that was stored is shown again, never made again.
 */
export async function answerMessage(
  parts: AnswerParts,
  connector: PlatformConnector,
  turnId: string,
  message: IncomingMessage,
  signal: AbortSignal,
): Promise<Answered> {
  const target = replyTarget(turnId, message);
  const stored = await parts.chat.findTurn(turnId);
  const isRetry = stored !== undefined;
  const stream = openReplyStream({ connector, chat: parts.chat, now: parts.now, log: parts.log, isRetry }, target);
  if (stored !== undefined && stored.status !== "streaming") {
    return { turn: await deliver(parts, { turn: stored, shown: shownAgain(stored) }, stream) };
  }
  const again = await findTurnToAnswerAgain(parts, message);
  const asked = again === undefined ? message : { ...message, text: again.question };
  const checked = await checkMessage(asked, parts.places.of(message), parts.rateLimiter, parts.now());
  if (!checked.isAccepted) {
    const { notice, reason } = checked;
    if (notice !== undefined)
      await connector.post({ ...target, part: 0, text: connector.render(notice), isFinal: true, actions: [] });
    parts.log.info({ turnId, reason }, "message.refused");
    return notice === undefined ? {} : { notice };
  }

  const draft = await draftTurn(parts, { turnId, message, question: checked.question, again, interrupted: stored });
  await saveDraft(parts, draft);
  const ended =
    draft.cached.entry === undefined
      ? await generateReply(parts, draft, stream.update, signal)
      : serveCached(parts, draft, draft.cached.entry.reply);
  const turn = await deliver(parts, ended, stream);
  await rememberOutcome(parts, draft, turn);
  return { turn };
}

/** Whoever answers again must be able to read the place where it was asked. */
async function findTurnToAnswerAgain({ chat }: AnswerParts, message: IncomingMessage): Promise<Turn | undefined> {
  const turn = message.regenerationOf === undefined ? undefined : await chat.findTurn(message.regenerationOf);
  return turn?.workspaceId === message.workspaceId && turn.channelId === message.channelId ? turn : undefined;
}

/** Of a turn that ended before its end was shown. Notices are not stored with it. */
function shownAgain({ reply, status }: Turn): string {
  if (reply !== "") return reply;
  return status === "cancelled" ? STOPPED : NO_ANSWER;
}

function replyTarget(turnId: string, message: IncomingMessage): ReplyTarget {
  return {
    turnId,
    workspaceId: message.workspaceId,
    channelId: message.channelId,
    ...(message.threadId === undefined ? {} : { threadId: message.threadId }),
    inReplyTo: message.messageId,
    askerId: message.userId,
  };
}

/** Turn and planned delivery are durable before anything is posted: a kill from here on is finished after the restart. */
async function saveDraft(parts: AnswerParts, { turn, conversation }: Draft): Promise<void> {
  const arms = conversation.arms.filter((arm) => arm.domain !== turn.domain.domain);
  await parts.chat.saveConversation({
    ...conversation,
    domain: turn.domain.domain,
    arms: [...arms, { domain: turn.domain.domain, ...turn.arm }],
    lastTurnAtMs: Math.max(conversation.lastTurnAtMs, turn.askedAtMs),
    turns: Math.max(conversation.turns, turn.position + 1),
  });
  await parts.chat.saveTurn(turn);
  await parts.chat.saveDelivery({ turnId: turn.id, part: 0, state: "planned", changedAtMs: parts.now() });
}

function serveCached(parts: AnswerParts, { turn, startedAtMs }: Draft, reply: string): EndedReply {
  const nowMs = parts.now();
  const provenance = { ...turn.provenance, endedBy: "cache" as const, totalMs: nowMs - startedAtMs };
  return { turn: { ...turn, reply, status: "complete", repliedAtMs: nowMs, provenance }, shown: reply };
}

/** Invariant 1: the reply is in the store when its last text is shown; its place on the platform follows. */
async function deliver(parts: AnswerParts, { turn, shown }: EndedReply, stream: ReplyStream): Promise<Turn> {
  await parts.chat.saveTurn(turn);
  let delivered = turn;
  await stream.finish(shown, async (posted) => {
    const others = turn.messages.filter(({ role }) => role !== "reply");
    const replies = posted.map(({ messageId }, part) => ({ messageId, role: "reply" as const, part }));
    delivered = { ...turn, messages: [...others, ...replies] };
    await parts.chat.saveTurn(delivered);
  });
  parts.events.publish({ kind: "turn.changed", turnId: turn.id });
  return delivered;
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
