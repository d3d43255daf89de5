import { webApi } from "@slack/bolt";
import { PlatformRefusedError } from "#core/errors.ts";

type Reason = PlatformRefusedError["reason"];

const INVITE = "Invite the bot into the channel (/invite) and look at the channel's posting rules";
export const REINSTALL = "Create the tokens anew (`reactune setup slack`) and install the app again";
const SCOPES = "Install the app again with config/slack-manifest.yaml, which lists the scopes it needs";

/** Slack's error codes that stay as they are however often one asks. */
const REFUSALS: ReadonlyMap<string, readonly [Reason, string]> = new Map([
  ...codes("gone", "Nothing to do: the message or channel was deleted", [
    "channel_not_found",
    "message_not_found",
    "thread_not_found",
    "cannot_reply_to_message",
    "user_not_found",
    "user_disabled",
    "user_not_visible",
    "file_not_found",
    "file_deleted",
  ]),
  ...codes("permission", INVITE, [
    "not_in_channel",
    "cant_update_message",
    "cant_delete_message",
    "edit_window_closed",
    "message_not_owned_by_app",
    "messages_tab_disabled",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_locked",
    "restricted_action_thread_only_channel",
    "user_not_in_channel",
    "channel_type_not_supported",
    "cannot_dm_bot",
    "access_denied",
  ]),
  ...codes("permission", "Take the channel out of the archive, or ask in another one", ["is_archived", "is_inactive"]),
  ...codes("permission", SCOPES, ["missing_scope", "no_permission", "not_allowed_token_type"]),
  ...codes("credentials", REINSTALL, [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_expired",
    "token_revoked",
    "org_login_required",
  ]),
  ...codes("invalid", "Report this with the program's version", [
    "invalid_arguments",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "markdown_text_conflict",
    "metadata_too_large",
    "msg_blocks_too_long",
    "msg_blocks_too_many",
    "msg_too_long",
    "no_text",
  ]),
]);

function codes(reason: Reason, hint: string, names: readonly string[]) {
  return names.map((name) => [name, [reason, hint]] as const);
}

/** What Slack said no with ("not_in_channel"); undefined for any other failure. */
export function slackErrorOf(error: unknown): string | undefined {
  // A server that stands in for Slack may say so by its status.
  if (error instanceof webApi.WebAPIHTTPError && error.statusCode === 404) return "unknown_method";
  return error instanceof webApi.WebAPIPlatformError ? error.data.error : undefined;
}

/** Seconds to wait, where Slack asks for it. */
export function retryAfterSecondsOf(error: unknown): number | undefined {
  return error instanceof webApi.WebAPIRateLimitedError ? error.retryAfter : undefined;
}

/** Whether the call may have been carried out although it failed: no answer, or a server's failure. */
export function isOutcomeUnknown(error: unknown): boolean {
  if (error instanceof webApi.WebAPIHTTPError) return error.statusCode >= 500;
  if (error instanceof webApi.WebAPIRequestError || isTimedOut(error) || isBrokenOff(error)) return true;
  const code = slackErrorOf(error);
  return code === "internal_error" || code === "fatal_error" || code === "request_timeout";
}

/** We waited no longer; it may be carried out yet. */
export function isTimedOut(error: unknown): boolean {
  const cause = error instanceof webApi.WebAPIRequestError ? error.original : error;
  return cause instanceof Error && cause.name === "TimeoutError";
}

/** The answer's head came, and not all of its body: the SDK gives what the body was read with. */
function isBrokenOff(error: unknown): boolean {
  return error instanceof TypeError && error.message === "terminated";
}

/** As `error`, but a refusal for good becomes a PlatformRefusedError. The SDK's own errors hold no words of a user. */
export function refusalOf(error: unknown, what: string): unknown {
  const code = slackErrorOf(error);
  const refusal = code === undefined ? undefined : REFUSALS.get(code);
  if (code === undefined || refusal === undefined) return error;
  const [reason, hint] = refusal;
  return new PlatformRefusedError(`${what}: Slack says "${code}"`, reason, hint, { cause: error });
}

/** A refusal keeps the SDK's error as its cause. */
export function causeOf(error: unknown): unknown {
  return error instanceof PlatformRefusedError ? error.cause : error;
}
