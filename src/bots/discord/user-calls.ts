import { type APIMessage, type Client, type RESTPostAPIWebhookWithTokenJSONBody, Routes } from "discord.js";
import type { Now } from "#core/clock.ts";

/** Discord honours an interaction's token for 15 minutes. */
const TOKEN_LIFE_MS = 14.5 * 60_000;
const CALLS_KEPT_MAX = 2000;

/**
 * The way back to people who call the bot where it is no member: only the call's own token may write there. Kept by the ids of
 * the messages that came from such a call.
 */
export interface UserCalls {
  of(messageId: string): UserCall | undefined;
  add(messageId: string, call: UserCall): void;
  open(interaction: { readonly token: string; readonly applicationId: string }): UserCall;
}

export interface UserCall {
  readonly untilMs: number;
  post(body: RESTPostAPIWebhookWithTokenJSONBody): Promise<{ readonly id: string }>;
  edit(messageId: string, body: RESTPostAPIWebhookWithTokenJSONBody): Promise<void>;
  remove(messageId: string): Promise<void>;
}

export function createUserCalls(client: Client, now: Now): UserCalls {
  const calls = new Map<string, UserCall>();
  return {
    of(messageId) {
      const call = calls.get(messageId);
      return call === undefined || call.untilMs < now() ? undefined : call;
    },
    add(messageId, call) {
      calls.set(messageId, call);
      for (const [id, { untilMs }] of calls) {
        if (calls.size <= CALLS_KEPT_MAX && untilMs >= now()) break;
        calls.delete(id);
      }
    },
    open({ token, applicationId }) {
      const query = new URLSearchParams({ wait: "true" });
      return {
        untilMs: now() + TOKEN_LIFE_MS,
        async post(body) {
          const sent = await client.rest.post(Routes.webhook(applicationId, token), { body, query, auth: false });
          return { id: (sent as APIMessage).id };
        },
        async edit(messageId, body) {
          await client.rest.patch(Routes.webhookMessage(applicationId, token, messageId), { body, auth: false });
        },
        async remove(messageId) {
          await client.rest.delete(Routes.webhookMessage(applicationId, token, messageId), { auth: false });
        },
      };
    },
  };
}
