import { AdapterRefusedError, describeError, OperatingError } from "#core/errors.ts";
import type { Turn } from "#core/turn.ts";
import { fitPrompt } from "#inference/compose-prompt.ts";
import type { AdapterFile, GenerateEnd, PromptMessage } from "#inference/inference-engine.ts";
import type { AnswerParts } from "./answer-parts.ts";
import type { Draft } from "./draft-turn.ts";

/** A turn that has ended, and what the person sees: the reply, with a notice where one is due. */
export interface EndedReply {
  readonly turn: Turn;
  readonly shown: string;
}

export const NO_ANSWER = "The model had no answer to that. Please put it in other words.";
export const STOPPED = "*(stopped)*";

/** Streams a reply from the engine; `show` gets the whole text so far. A failure of the engine is an ended turn with a notice. */
export async function generateReply(
  parts: AnswerParts,
  draft: Draft,
  show: (text: string) => void,
  signal: AbortSignal,
): Promise<EndedReply> {
  const { settings, encoder } = parts;
  const armed = await armTurn(parts, draft.turn);
  const { askerId, askerNumber, question } = draft.turn;
  const { messages, turnsCut } = fitPrompt(
    {
      systemPrompt: draft.systemPrompt,
      // The nearest stands last, beside the question.
      examples: draft.examples.toReversed(),
      history: draft.history,
      question,
      askerId,
      ...(askerNumber === undefined ? {} : { askerNumber }),
    },
    encoder.contextTokens - settings.replyTokensMax - draft.images.length * IMAGE_TOKENS,
    (prompt) => encoder.encodePrompt(prompt).length,
  );
  const inputTurnIds = [
    ...draft.examples.map(({ turnId }) => turnId),
    ...draft.history.slice(turnsCut).map(({ id }) => id),
  ];
  let turn: Turn = { ...armed.turn, inputTurnIds };
  const notice = turnsCut > 0 && isFirstCut(draft.history) ? cutNotice(turnsCut) : "";
  const timeout = AbortSignal.timeout(settings.replyTimeoutMs);
  let reply = "";
  let end: GenerateEnd | undefined;

  async function stream(adapter: AdapterFile | undefined): Promise<void> {
    reply = "";
    const chunks = parts.engine.generate({
      conversationId: draft.turn.conversationId,
      messages: withImages(messages, draft.images),
      ...(adapter === undefined ? {} : { adapter }),
      sampling: settings.sampling,
      replyTokensMax: settings.replyTokensMax,
      signal: AbortSignal.any([signal, timeout]),
    });
    for await (const chunk of chunks) {
      if (chunk.kind === "end") {
        end = chunk;
      } else {
        reply += chunk.text;
        show(notice + reply);
      }
    }
  }

  try {
    try {
      await stream(armed.adapter);
    } catch (error) {
      if (armed.adapter === undefined || !(error instanceof AdapterRefusedError)) throw error;
      parts.log.error({ turnId: turn.id, adapter: armed.adapter.digest, err: error }, "adapter.refused");
      turn = disarm(turn);
      await stream(undefined);
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    parts.log.error({ turnId: draft.turn.id, err: error }, "reply.failed");
    return failTurn(parts, draft, turn, reply, describeError(error));
  }
  if (end?.endedBy !== "stop" && timeout.aborted && !signal.aborted) {
    const seconds = Math.round(settings.replyTimeoutMs / 1000);
    return failTurn(
      parts,
      draft,
      turn,
      reply,
      `the model took longer than ${seconds} s. Ask again, or raise inference.replyTimeoutMs`,
    );
  }
  return endTurn(parts, draft, turn, { reply: reply.trim(), notice, end, turnsCut });
}

/** What a model reads of one image, about: that much of the history makes room. */
const IMAGE_TOKENS = 768;

/** The question is the last message. */
function withImages(messages: readonly PromptMessage[], images: readonly Uint8Array[]): readonly PromptMessage[] {
  const question = messages.at(-1);
  if (question === undefined || images.length === 0) return messages;
  return [...messages.slice(0, -1), { ...question, images }];
}

/** An adapter that is gone or was tampered with never stops a reply: the base model answers, and turn and log say so. */
async function armTurn(parts: AnswerParts, turn: Turn): Promise<{ turn: Turn; adapter?: AdapterFile }> {
  const digest = turn.arm.adapterDigest;
  if (digest === undefined) return { turn };
  try {
    const adapter = await parts.openAdapter(digest);
    if (adapter !== undefined) return { turn, adapter };
    parts.log.error({ turnId: turn.id, adapter: digest }, "adapter.missing");
  } catch (error) {
    parts.log.error({ turnId: turn.id, adapter: digest, err: error }, "adapter.refused");
  }
  return { turn: disarm(turn) };
}

/** The base model answers. */
function disarm(turn: Turn): Turn {
  const { adapterDigest: _, ...provenance } = turn.provenance;
  return { ...turn, arm: { epoch: turn.arm.epoch }, provenance };
}

function endTurn(
  parts: AnswerParts,
  draft: Draft,
  turn: Turn,
  outcome: { reply: string; notice: string; end: GenerateEnd | undefined; turnsCut: number },
): EndedReply {
  const { reply, end, turnsCut } = outcome;
  const endedBy = end?.endedBy ?? "cancelled";
  const ended: Turn = {
    ...turn,
    reply,
    status: endedBy === "cancelled" ? "cancelled" : "complete",
    repliedAtMs: parts.now(),
    provenance: {
      ...turn.provenance,
      promptTokens: end?.promptTokens ?? 0,
      replyTokens: end?.replyTokens ?? 0,
      ...(end?.firstTokenMs === undefined ? {} : { firstTokenMs: end.firstTokenMs }),
      totalMs: parts.now() - draft.startedAtMs,
      turnsCut,
      endedBy,
    },
  };
  if (reply === "" && endedBy !== "cancelled") {
    return {
      turn: { ...ended, status: "failed" },
      shown: NO_ANSWER,
    };
  }
  return { turn: ended, shown: outcome.notice + (reply === "" ? STOPPED : reply) };
}

/** The words of a failure are shown, never stored as a reply to learn from; what was written before it stays. */
function failTurn(parts: AnswerParts, draft: Draft, turn: Turn, reply: string, why: string): EndedReply {
  const provenance = { ...turn.provenance, endedBy: "error" as const, totalMs: parts.now() - draft.startedAtMs };
  const failed: Turn = { ...turn, reply: reply.trim(), status: "failed", repliedAtMs: parts.now(), provenance };
  return { turn: failed, shown: `${reply === "" ? "" : `${reply}\n\n`}*I could not finish the answer: ${why}*` };
}

function isFirstCut(history: readonly Turn[]): boolean {
  return history.every((turn) => turn.provenance.turnsCut === 0);
}

function cutNotice(turnsCut: number): string {
  const what = turnsCut === 1 ? "our oldest message" : `our ${turnsCut} oldest messages`;
  return `*(This conversation is long: I no longer see ${what}.)*\n\n`;
}
