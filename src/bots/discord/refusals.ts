import { RESTJSONErrorCodes as Code, DiscordAPIError } from "discord.js";
import { PlatformRefusedError } from "#core/errors.ts";

type Reason = PlatformRefusedError["reason"];

const GONE = new Set<number | string>([
  Code.UnknownChannel,
  Code.UnknownGuild,
  Code.UnknownMessage,
  Code.UnknownUser,
  Code.UnknownWebhook,
  Code.InvalidWebhookToken,
]);

const HINTS: Readonly<Record<Reason, string>> = {
  permission:
    "Let the bot see the channel, send messages, read the history, add reactions and use threads there: `reactune invite` prints a link with these permissions",
  gone: "Nothing to do: the message or channel was deleted",
  credentials: 'Copy a fresh token from the Discord developer portal, page "Bot", and run `reactune setup`',
  invalid: "Report this with the code",
};

const LOCKED = "The thread is archived or locked: let the bot manage threads, or unlock it";
const MODERATED = "A rule of the server's AutoMod blocked the text: exempt the bot's role from it";

/** Where more is known than the reason; these are all matters of permission. */
const HINTS_BY_CODE = new Map<number | string, string>([
  [50_083, LOCKED],
  [160_005, LOCKED],
  [50_007, "Nothing to do: that person blocked the bot, or takes no direct messages from this server"],
  [200_000, MODERATED],
  [200_001, MODERATED],
]);

/** The same error, or a PlatformRefusedError when Discord said no and would again. */
export function toRefusal(error: unknown, what: string): unknown {
  if (!(error instanceof DiscordAPIError) || error.status >= 500 || error.status === 429) return error;
  const reason = reasonOf(error);
  const hint = HINTS_BY_CODE.get(error.code) ?? HINTS[reason];
  return new PlatformRefusedError(`${what} on Discord: it answered with code ${error.code}`, reason, hint, {
    cause: error,
  });
}

/** Runs `act`; what Discord refuses for good comes out as PlatformRefusedError. */
export async function orRefusal<T>(what: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw toRefusal(error, what);
  }
}

export function isDiscordError(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof DiscordAPIError && codes.some((code) => error.code === code);
}

export function isGone(error: unknown): boolean {
  return error instanceof DiscordAPIError && (GONE.has(error.code) || error.status === 404);
}

function reasonOf(error: DiscordAPIError): Reason {
  // A call's own token that has run out comes as 401 too.
  if (isGone(error)) return "gone";
  if (error.status === 401) return "credentials";
  if (HINTS_BY_CODE.has(error.code)) return "permission";
  return error.status === 403 ? "permission" : "invalid";
}
