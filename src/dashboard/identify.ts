import { createHash, randomBytes } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { getCookie, setCookie } from "hono/cookie";
import { HttpRefusal } from "./http-refusal.ts";

/** Who asks. */
export interface Person {
  readonly personId: string;
  readonly isAdmin: boolean;
}

export interface PersonEnv {
  readonly Variables: { readonly person: Person };
}

const COOKIE = "reactune_person";
const MAX_AGE_SECONDS = 400 * 86_400;

/**
 * Tells people apart by a random cookie. The id that is stored is a hash of it, so that data never holds what would let
 * somebody else be that person. Everyone who reaches a loopback address is its admin; sign-in replaces this middleware.
 * Only the API sets the cookie: a link from another site asks for the page without it (SameSite=Strict), and setting it
 * there would make somebody a new person.
 */
export function identify(): MiddlewareHandler<PersonEnv> {
  return async (context, next) => {
    const known = getCookie(context, COOKIE);
    const secret = known !== undefined && /^[\w-]{32}$/.test(known) ? known : randomBytes(24).toString("base64url");
    if (secret !== known) {
      setCookie(context, COOKIE, secret, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: MAX_AGE_SECONDS });
    }
    const personId = createHash("sha256").update(`person:${secret}`).digest("base64url").slice(0, 22);
    context.set("person", { personId, isAdmin: true });
    await next();
  };
}

export function requireAdmin(): MiddlewareHandler<PersonEnv> {
  return async (context, next) => {
    if (!context.var.person.isAdmin) {
      throw new HttpRefusal({
        status: 403,
        code: "ADMIN_REQUIRED",
        message: "Cannot do this: it is for admins",
        hint: "Sign in as an admin",
      });
    }
    await next();
  };
}

/** Where this person chats with the assistant. */
export function channelOf(person: Person): string {
  return `person:${person.personId}`;
}
