import type { PlatformFeedback } from "#bots/intake.ts";
import type { LocalChat, LocalReply } from "#bots/local-chat.ts";
import { LOCAL_WORKSPACE_ID } from "#bots/local-chat.ts";
import type { Feedback } from "#core/feedback.ts";
import { pick } from "#core/random.ts";
import type { Fact } from "./world.ts";

/** How a simulated person reacts; all are shares, 0 to 1. */
export interface Taste {
  /** How often a right reply gets an emoji. */
  readonly reactsToRight: number;
  /** How often a wrong reply gets an emoji. */
  readonly reactsToWrong: number;
  /** How often a wrong reply is corrected in words. */
  readonly teaches: number;
  /** How often the emoji is the opposite of what was meant. */
  readonly slips: number;
}

/** What a chat with one question led to. */
export interface Exchange {
  readonly isRight: boolean;
  readonly score?: number;
  readonly wasTaught: boolean;
}

/** A fact and the words in which it is asked for. */
export interface AskedFact {
  readonly fact: Fact;
  readonly question: string;
}

export interface PersonParts {
  readonly localChat: LocalChat;
  readonly collect: (feedback: PlatformFeedback) => Promise<Feedback | undefined>;
  readonly random: () => number;
  readonly now: () => number;
}

const REPLY_MAX_MS = 120_000;
const RIGHT_EMOJI = ["😍", "🙂"] as const;
const WRONG_EMOJI = ["😞", "😕"] as const;

/** Asks for a fact as a person would, reads the reply, and reacts by emoji or in words. */
export async function askAndReact(
  parts: PersonParts,
  person: { readonly id: string; readonly channelId: string; readonly taste: Taste },
  { fact, question }: AskedFact,
): Promise<Exchange> {
  const { random } = parts;
  const { taste } = person;
  const reply = await askQuestion(parts.localChat, {
    userId: person.id,
    channelId: person.channelId,
    text: question,
  });
  const isRight = isSameAnswer(reply.text, fact.answer);
  const where = { channelId: person.channelId, messageId: reply.messageId };
  if (random() < (isRight ? taste.reactsToRight : taste.reactsToWrong)) {
    const seemsRight = random() < taste.slips ? !isRight : isRight;
    const emoji = pick(seemsRight ? RIGHT_EMOJI : WRONG_EMOJI, random);
    const feedback = await give(parts, person.id, { ...where, emoji, source: "reaction" });
    return { isRight, wasTaught: false, ...(feedback?.score === undefined ? {} : { score: feedback.score }) };
  }
  const wasTaught = !isRight && random() < taste.teaches;
  if (wasTaught) await give(parts, person.id, { ...where, correction: fact.answer, source: "command" });
  return { isRight, wasTaught };
}

function give(
  { collect, now }: PersonParts,
  userId: string,
  feedback: Pick<PlatformFeedback, "channelId" | "messageId" | "source" | "emoji" | "correction">,
): Promise<Feedback | undefined> {
  return collect({ ...feedback, workspaceId: LOCAL_WORKSPACE_ID, userId, atMs: now() });
}

/** Resolves with the final reply. Rejects when none came in time. */
export function askQuestion(
  localChat: LocalChat,
  question: { readonly userId: string; readonly channelId: string; readonly text: string },
): Promise<LocalReply> {
  return new Promise((resolve, reject) => {
    const finals = new Map<string, LocalReply>();
    let messageId: string | undefined;
    const end = (act: () => void) => {
      clearTimeout(timer);
      unsubscribe();
      act();
    };
    const fail = (error: unknown) => end(() => reject(error));
    const timer = setTimeout(() => fail(new Error(`Cannot go on: no reply after ${REPLY_MAX_MS} ms`)), REPLY_MAX_MS);
    const settle = () => {
      const reply = messageId === undefined ? undefined : finals.get(messageId);
      if (reply !== undefined) end(() => resolve(reply));
    };
    const unsubscribe = localChat.subscribe(question.channelId, (reply) => {
      if (reply.isFinal) finals.set(reply.inReplyTo, reply);
      settle();
    });
    localChat.ask(question).then((asked) => {
      messageId = asked.messageId;
      settle();
    }, fail);
  });
}

/** Case, white space and the closing mark do not make another answer. */
export function isSameAnswer(given: string, wanted: string): boolean {
  const plain = (text: string) =>
    text
      .toLowerCase()
      .replace(/\s+/gu, " ")
      .trim()
      .replace(/[.!]+$/u, "");
  return plain(given) === plain(wanted);
}
