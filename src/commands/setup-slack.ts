import { z } from "zod";
import { type Finding, failure, ok, warning } from "./doctor-finding.ts";
import { type CallResult, callPlatform, endpoint } from "./setup-call.ts";
import type { SetupValues } from "./setup-fields.ts";

export const SLACK_API_URL = "https://slack.com/api/";

const Answer = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  team: z.string().optional(),
  user: z.string().optional(),
});

export interface SlackOptions {
  readonly apiUrl?: string | undefined;
  readonly mode: "auto" | "socket" | "http";
  /** Scopes that the manifest asks for. */
  readonly scopes: readonly string[];
}

/** Asks Slack who the tokens are, what they may, and whether a socket opens. Posts nothing. */
export async function testSlack(values: SetupValues, options: SlackOptions): Promise<readonly Finding[]> {
  const { SLACK_BOT_TOKEN: bot, SLACK_APP_TOKEN: app } = values;
  const base = options.apiUrl ?? SLACK_API_URL;
  const [botFindings, appFindings] = await Promise.all([
    bot === undefined ? [] : testBotToken(base, bot, options.scopes),
    app === undefined ? [] : testAppToken(base, app),
  ]);
  return [...describeCompleteness(values, options.mode), ...botFindings, ...appFindings];
}

/** What is missing for the way in which events arrive. */
function describeCompleteness(values: SetupValues, mode: SlackOptions["mode"]): readonly Finding[] {
  const findings: Finding[] = [];
  const hasClient = values.SLACK_CLIENT_ID !== undefined && values.SLACK_CLIENT_SECRET !== undefined;
  if ((values.SLACK_CLIENT_ID === undefined) !== (values.SLACK_CLIENT_SECRET === undefined)) {
    findings.push(
      failure("Slack", "only one of client id and client secret is set", "Give both to `reactune setup`, or neither"),
    );
  }
  if (values.SLACK_BOT_TOKEN === undefined && !hasClient) {
    findings.push(
      failure(
        "Slack",
        "the bot token is missing",
        "Your app, OAuth & Permissions: install it, copy the Bot User OAuth Token",
      ),
    );
  }
  const isSocket = mode === "socket" || (mode === "auto" && values.SLACK_APP_TOKEN !== undefined);
  if (isSocket && values.SLACK_APP_TOKEN === undefined) {
    findings.push(
      failure("Slack", "the socket mode needs the app-level token", "Set SLACK_APP_TOKEN with `reactune setup`"),
    );
  }
  if (!isSocket && values.SLACK_SIGNING_SECRET === undefined) {
    const what =
      mode === "http" ? "the http mode needs the signing secret" : "neither app-level token nor signing secret is set";
    findings.push(failure("Slack", what, "Set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (http mode)"));
  }
  if (!isSocket && values.SLACK_SIGNING_SECRET !== undefined) {
    findings.push(ok("Slack", "the signing secret is set; Slack has no way to test it before the first event"));
  }
  return findings;
}

async function testBotToken(base: string, token: string, wanted: readonly string[]): Promise<readonly Finding[]> {
  const result = await callPlatform(endpoint(base, "auth.test"), "POST", `Bearer ${token}`);
  const read = readAnswer(result, "the bot token");
  if ("finding" in read) return [read.finding];
  const findings = [
    ok("Slack", `the bot token is of "${read.answer.user ?? "?"}" in workspace "${read.answer.team ?? "?"}"`),
  ];
  const header = result.kind === "answer" ? result.headers.get("x-oauth-scopes") : null;
  if (header === null || wanted.length === 0) return findings;
  const granted = new Set(header.split(",").map((scope) => scope.trim()));
  const missing = wanted.filter((scope) => !granted.has(scope));
  if (missing.length === 0)
    return [...findings, ok("Slack", `all ${wanted.length} scopes of the manifest are granted`)];
  const fix = "Paste config/slack-manifest.yaml into your app's App Manifest, then install it again";
  return [...findings, failure("Slack", `scopes are missing: ${missing.join(", ")}`, fix)];
}

async function testAppToken(base: string, token: string): Promise<readonly Finding[]> {
  const result = await callPlatform(endpoint(base, "apps.connections.open"), "POST", `Bearer ${token}`);
  const read = readAnswer(result, "the app-level token");
  return "finding" in read ? [read.finding] : [ok("Slack", "the app-level token opens a socket")];
}

type Read = { readonly answer: z.infer<typeof Answer> } | { readonly finding: Finding };

/** Slack says no with HTTP 200 and a word. */
function readAnswer(result: CallResult, what: string): Read {
  const again = "Try again later with `reactune doctor`";
  if (result.kind === "unreachable") {
    const fix = "Check the network and slack.apiUrl, then run `reactune doctor`";
    return { finding: warning("Slack", `${what} cannot be tested: ${result.why}`, fix) };
  }
  if (result.status === 429) return { finding: warning("Slack", "Slack asks for patience (HTTP 429)", again) };
  const answer = Answer.safeParse(result.body).data;
  if (answer === undefined) {
    return { finding: warning("Slack", `${what} cannot be tested: Slack answered HTTP ${result.status}`, again) };
  }
  if (answer.ok) return { answer };
  const word = /^[a-z_]{1,60}$/.test(answer.error ?? "") ? (answer.error ?? "") : "unknown";
  const [words, fix] = REFUSALS.get(word) ?? [
    "Slack refuses it",
    "Look at your app's pages at Slack, then run `reactune setup`",
  ];
  return { finding: failure("Slack", `${what}: ${words} (${word})`, fix) };
}

const NEW_TOKEN = "Copy the token again from your app's pages, then run `reactune setup`";
const REFUSALS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ["invalid_auth", ["Slack does not know it", NEW_TOKEN]],
  ["not_authed", ["Slack does not know it", NEW_TOKEN]],
  ["token_revoked", ["it was revoked", "Install the app again, copy the new token, then run `reactune setup`"]],
  ["token_expired", ["it has expired", "Install the app again, copy the new token, then run `reactune setup`"]],
  ["account_inactive", ["the app was removed from the workspace", "Install the app again, then run `reactune setup`"]],
  [
    "not_allowed_token_type",
    ["it is a token of another kind", "The app-level token starts with xapp-, the bot token with xoxb-"],
  ],
  [
    "missing_scope",
    [
      "it lacks a scope",
      "Make an app-level token with connections:write under Basic Information, then run `reactune setup`",
    ],
  ],
  ["org_login_required", ["the workspace is being moved by its owner", "Try again later"]],
  [
    "team_access_not_granted",
    ["the app was not granted to this workspace", "Ask an owner of the organisation to approve the app"],
  ],
]);
