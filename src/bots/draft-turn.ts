import type { Conversation } from "#core/conversation.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { numberAsker } from "#core/pseudonyms.ts";
import type { LearningScope } from "#core/scope.ts";
import { type Arm, chooseArm } from "#core/service.ts";
import type { Provenance, Turn } from "#core/turn.ts";
import { composePrompt } from "#inference/compose-prompt.ts";
import { answerFromCache, type CacheAnswer } from "./answer-from-cache.ts";
import type { AnswerParts } from "./answer-parts.ts";
import { placeConversation } from "./place-conversation.ts";
import type { Example, ExampleAsk } from "./retrieve-examples.ts";

/** A turn before its first token, with what it was decided from. */
export interface Draft {
  readonly turn: Turn;
  /** With the arm that this turn keeps for those that come. */
  readonly conversation: Conversation;
  readonly history: readonly Turn[];
  /** Nearest first. */
  readonly examples: readonly Example[];
  readonly systemPrompt: string;
  /** What the model is shown beside the question. */
  readonly images: readonly Uint8Array[];
  readonly cached: CacheAnswer;
  /** The cache scope with this arm; the arm can still fall back to the base model. */
  readonly cacheScopeOf: (arm: Arm) => string;
  readonly startedAtMs: number;
}

export interface DraftRequest {
  readonly turnId: string;
  readonly message: IncomingMessage;
  readonly question: string;
  readonly images: readonly Uint8Array[];
  /** The turn that is to be answered again. */
  readonly again: Turn | undefined;
  /** This very turn as a kill left it, or the one that an edit superseded: it keeps its conversation and its place there. */
  readonly interrupted: Turn | undefined;
}

/** Everything that is decided before the first token: conversation, domain, arm, examples, cache. */
export async function draftTurn(
  parts: AnswerParts,
  { turnId, message, question, images, again, interrupted }: DraftRequest,
): Promise<Draft> {
  const startedAtMs = parts.now();
  const known = interrupted ?? again;
  const conversation =
    (known === undefined ? undefined : await parts.chat.findConversation(known.conversationId)) ??
    (await placeConversation(parts.chat, message, parts.settings, parts.newId));
  // Its count may be too high, never too low: one that begins now has no turns.
  const isNew = conversation.turns === 0;
  const turns = isNew ? [] : await parts.chat.listHistory(conversation.id, parts.settings.historyTurnsMax);
  const history = historyOf(turns, turnId, known);
  const domain = again?.domain ?? (await parts.router.route(question, conversation.domain || undefined));
  const scope: LearningScope = {
    workspaceId: message.workspaceId,
    audience: conversation.audience,
    domain: domain.domain,
  };
  const kept = conversation.arms.find((arm) => arm.domain === domain.domain);
  const service = parts.services.current(scope);
  const isBaseOnly = parts.places.of(message).model === "base";
  const { adapterDigest, epoch }: Arm = isBaseOnly
    ? { epoch: service.epoch }
    : chooseArm(service, kept, parts.base.digest);
  const arm: Arm = { ...(adapterDigest === undefined ? {} : { adapterDigest }), epoch };
  // What the place's setting chose is no choice of the conversation: it ends with the setting.
  const others = conversation.arms.filter((one) => one.domain !== domain.domain);
  const arms = isBaseOnly ? conversation.arms : [...others, { domain: domain.domain, ...arm }];
  const systemPrompt = await parts.settings.systemPromptFor(question, message);
  const examples = await findExamples(parts, {
    ask: {
      scope,
      question,
      exceptTurnIds: new Set([turnId, ...(again === undefined ? [] : [again.id]), ...turns.map(({ id }) => id)]),
      ...(adapterDigest === undefined ? {} : { adapterDigest }),
    },
    systemPrompt,
  });
  const exampleTurnIds = examples.map((example) => example.turnId);
  const scopeOfArm = (chosen: Arm) => cacheScopeOf(parts, scope, chosen, systemPrompt, exampleTurnIds);
  const cached = await answerFromCache(parts.cache, parts.embedder, parts.settings.cache, {
    scope: scopeOfArm(arm),
    question,
    isFirstTurn: history.length === 0,
    isRegeneration: again !== undefined,
    hasImages: images.length > 0,
    nowMs: startedAtMs,
  });
  const turn: Turn = {
    id: turnId,
    conversationId: conversation.id,
    platform: message.platform,
    workspaceId: message.workspaceId,
    channelId: message.channelId,
    ...(message.threadId === undefined ? {} : { threadId: message.threadId }),
    visibility: message.visibility,
    audience: conversation.audience,
    position: known?.position ?? nextPosition(turns),
    askerId: message.userId,
    askerNumber: numberAsker(message.userId, turns),
    revision: message.revision ?? 0,
    inputTurnIds: [...exampleTurnIds, ...history.map((input) => input.id)],
    ...(again === undefined ? {} : { regenerationOf: again.regenerationOf ?? again.id }),
    question,
    reply: "",
    status: "streaming",
    domain,
    arm,
    provenance: {
      ...emptyProvenance(parts, arm, cached, systemPrompt),
      ...(exampleTurnIds.length === 0 ? {} : { exampleTurnIds }),
      ...imagesOf(images, again),
    },
    messages: [{ messageId: message.messageId, role: "question", part: 0 }],
    askedAtMs: message.sentAtMs,
  };
  return {
    turn,
    conversation: { ...conversation, arms },
    history,
    examples,
    systemPrompt,
    images,
    cached,
    cacheScopeOf: scopeOfArm,
    startedAtMs,
  };
}

/** Answered again, a question is still about the images that it came with. */
function imagesOf(images: readonly Uint8Array[], again: Turn | undefined): Pick<Provenance, "images"> {
  const count = again?.provenance.images ?? images.length;
  return count === 0 ? {} : { images: count };
}

/** Told by the turns themselves: a kill between the conversation's record and the turn's leaves its count one too high. */
function nextPosition(turns: readonly Turn[]): number {
  return turns.reduce((next, { position }) => Math.max(next, position + 1), 0);
}

/** A turn that was interrupted by a kill, is answered again or was edited is not its own history, nor is what came after it. */
function historyOf(turns: readonly Turn[], turnId: string, known: Turn | undefined): readonly Turn[] {
  const before = turns.filter(
    (turn) =>
      turn.id !== turnId &&
      turn.status === "complete" &&
      turn.reply !== "" &&
      (known === undefined || turn.position < known.position),
  );
  return newestPerPosition(before);
}

/** Of several answers to one question, the newest is what the conversation went on from. */
function newestPerPosition(turns: readonly Turn[]): readonly Turn[] {
  const byPosition = new Map<number, Turn>();
  for (const turn of turns) {
    const other = byPosition.get(turn.position);
    if (other === undefined || other.askedAtMs <= turn.askedAtMs) byPosition.set(turn.position, turn);
  }
  return [...byPosition.values()].toSorted((a, b) => a.position - b.position);
}

/** Examples may fill this share of the context; where the question itself is long, less. */
const EXAMPLES_CONTEXT_RATIO = 0.25;

/** The nearest that fit, whole or not at all. */
async function findExamples(
  { examples: finder, encoder, settings }: AnswerParts,
  { ask, systemPrompt }: { readonly ask: ExampleAsk; readonly systemPrompt: string },
): Promise<readonly Example[]> {
  const found = (await finder?.find(ask)) ?? [];
  if (found.length === 0) return [];
  const tokensOf = (examples: readonly Example[]) =>
    encoder.encodePrompt(composePrompt({ systemPrompt, examples, history: [], question: ask.question })).length;
  const tokensBare = tokensOf([]);
  const tokensMax = Math.min(
    tokensBare + encoder.contextTokens * EXAMPLES_CONTEXT_RATIO,
    encoder.contextTokens - settings.replyTokensMax,
  );
  const chosen: Example[] = [];
  for (const example of found) {
    chosen.push(example);
    if (tokensOf(chosen) > tokensMax) chosen.pop();
  }
  return chosen;
}

/** Everything that makes a reply valid for another question: design 3.6. */
function cacheScopeOf(
  parts: AnswerParts,
  scope: LearningScope,
  arm: Arm,
  systemPrompt: string,
  exampleTurnIds: readonly string[],
): string {
  return parts.hash(
    JSON.stringify([
      scope.workspaceId,
      scope.audience,
      scope.domain,
      parts.base.digest,
      arm.adapterDigest ?? "",
      parts.embedder?.describe().digest ?? "",
      systemPrompt,
      ...exampleTurnIds.toSorted(),
    ]),
  );
}

function emptyProvenance(parts: AnswerParts, arm: Arm, cached: CacheAnswer, systemPrompt: string): Provenance {
  return {
    modelDigest: parts.base.digest,
    modelName: parts.base.name,
    ...(arm.adapterDigest === undefined ? {} : { adapterDigest: arm.adapterDigest }),
    systemPromptHash: parts.hash(systemPrompt),
    cache: cached.use,
    promptTokens: 0,
    replyTokens: 0,
    totalMs: 0,
    turnsCut: 0,
    endedBy: "stop",
  };
}
