import { createHmac, timingSafeEqual } from "node:crypto";
import type { CommandCall } from "#bots/chat-command.ts";
import type { Now } from "#core/clock.ts";

/** A press that confirms a call, one that opens the call's form, and that form when it is sent. */
export type CarriedKind = "confirm" | "open" | "form";

export interface CarriedCall {
  readonly kind: CarriedKind;
  readonly call: Pick<CommandCall, "command" | "messageId" | "options">;
  /** The same for every press on the same button, in whichever process. */
  readonly pressId: string;
}

/**
 * What a call needs to go on travels with its button or form and comes back from Discord, so that whichever process is told of the
 * press goes on with it, also after a restart. The seal says that it is ours and whose call it was. Who presses may do no more than a
 * call that is made anew: roles are read from the press, and access is checked again.
 */
export interface CarriedCalls {
  /** The custom id; undefined when the call is too long to travel. */
  write(kind: CarriedKind, call: CommandCall, options: ReadonlyMap<string, string>): string | undefined;
  /** Undefined when it is another person's, too old, or none of ours. */
  read(customId: string, userId: string): CarriedCall | undefined;
}

const CUSTOM_ID_CHARS_MAX = 100;
const CARRIED_MAX_MS = 60 * 60_000;
/** 66 bits. */
const SEAL_CHARS = 11;
const CARRIED = /^(confirm|open|form):([0-9a-z]+):([^:]+):([^:]*):([^:]*):([\w-]{11})$/;

/** All processes that use the token read what one of them wrote. */
export function createCarriedCalls(token: string, now: Now): CarriedCalls {
  const sealOf = (body: string, userId: string) =>
    createHmac("sha256", token).update(`carried call\n${userId}\n${body}`).digest("base64url").slice(0, SEAL_CHARS);
  return {
    write(kind, { command, messageId = "", userId }, options) {
      const body = [kind, now().toString(36), command, messageId, new URLSearchParams([...options])].join(":");
      const customId = `${body}:${sealOf(body, userId)}`;
      return customId.length <= CUSTOM_ID_CHARS_MAX ? customId : undefined;
    },
    read(customId, userId) {
      const [, kind, writtenAt = "", command = "", messageId, options, seal = ""] = CARRIED.exec(customId) ?? [];
      if (!isKind(kind)) return undefined;
      const expected = sealOf(customId.slice(0, -seal.length - 1), userId);
      if (!timingSafeEqual(Buffer.from(seal), Buffer.from(expected))) return undefined;
      if (now() - Number.parseInt(writtenAt, 36) > CARRIED_MAX_MS) return undefined;
      return {
        kind,
        pressId: `${writtenAt}:${seal}`,
        call: { command, options: new Map(new URLSearchParams(options)), ...(messageId ? { messageId } : {}) },
      };
    },
  };
}

function isKind(text: string | undefined): text is CarriedKind {
  return text === "confirm" || text === "open" || text === "form";
}
