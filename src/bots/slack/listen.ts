import type { AllMiddlewareArgs, App, SlackEventMiddlewareArgs } from "@slack/bolt";
import { z } from "zod";
import type { Intake, PostedPlace } from "#bots/intake.ts";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import type { SlackCommands } from "./accept-commands.ts";
import type { KnownPlace, SlackEvents } from "./accept-events.ts";
import type { Answer } from "./command-answers.ts";
import { FORM_CALLBACK } from "./command-forms.ts";
import { CALLBACK_IDS } from "./command-names.ts";
import { slackMessageSchema } from "./read-message.ts";
import { ACTIONS } from "./reply-blocks.ts";
import type { SealedInstallations } from "./sealed-installations.ts";
import { workspaceIdOf } from "./sealed-installations.ts";
import type { SlackAgent } from "./slack-agent.ts";
import type { SlackFacts } from "./slack-facts.ts";
import { REINSTALL } from "./slack-refusals.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

export interface ListenParts {
  readonly intake: Intake;
  readonly workspaces: SlackWorkspaces;
  readonly installations: SealedInstallations;
  readonly facts: SlackFacts;
  readonly agent: SlackAgent;
  readonly events: SlackEvents;
  readonly commands: SlackCommands;
  readonly stopSession: (place: Omit<PostedPlace, "messageId">, messageIds: readonly string[]) => Promise<void>;
  readonly now: Now;
  readonly log: Log;
}

/** Registers what the app listens to. Listeners of events end when the event is stored: only then is it acknowledged. */
export function listen(app: App, parts: ListenParts): void {
  listenToMessages(app, parts);
  listenToPlaces(app, parts);
  listenToAgent(app, parts);
  listenToPeople(app, parts);
}

const placeSchema = z.object({ channel: z.string(), channel_type: z.string().optional() });

function listenToMessages(app: App, { workspaces, events }: ListenParts): void {
  app.event("message", async ({ event, body, context }) => {
    const workspace = await workspaceOf(workspaces, context.teamId);
    const place = placeSchema.safeParse(event);
    const known: KnownPlace = { channelType: place.data?.channel_type, isShared: isShared(body) };
    const message = slackMessageSchema.safeParse(event);
    if (message.success && place.success) await events.message(workspace, place.data.channel, message.data, known);
    await events.change(workspace, event, known);
  });
  // Comes beside the message itself, and alone where the app may not read the channel; both are one event of the inbox.
  app.event("app_mention", async ({ event, body, context }) => {
    const workspace = await workspaceOf(workspaces, context.teamId);
    const message = slackMessageSchema.safeParse(event);
    if (!message.success || message.data.edited !== undefined) return;
    await events.message(workspace, event.channel, message.data, { isShared: isShared(body) });
  });
  app.event("reaction_added", async ({ event, context }) => {
    await events.reaction(await workspaceOf(workspaces, context.teamId), event, false);
  });
  app.event("reaction_removed", async ({ event, context }) => {
    await events.reaction(await workspaceOf(workspaces, context.teamId), event, true);
  });
}

function listenToPlaces(app: App, { workspaces, intake, installations, facts, log }: ListenParts): void {
  type Gone = SlackEventMiddlewareArgs<"channel_deleted" | "group_deleted"> & AllMiddlewareArgs;
  const channelDeleted = async ({ event, context }: Gone) => {
    const { workspaceId } = await workspaceOf(workspaces, context.teamId);
    await intake.acceptPlaceEvent({ kind: "channel-deleted", workspaceId, channelId: event.channel });
  };
  app.event("channel_deleted", channelDeleted);
  app.event("group_deleted", channelDeleted);
  app.event("member_joined_channel", async ({ event, context }) => {
    const workspace = await workspaceOf(workspaces, context.teamId);
    if (event.user !== workspace.botUserId) return;
    const inviter = event.inviter === undefined ? undefined : await facts.user(workspace, event.inviter);
    const admin = inviter?.isAdmin === true && event.inviter !== undefined ? { adminId: event.inviter } : {};
    await intake.acceptPlaceEvent({ kind: "joined", workspaceId: workspace.workspaceId, isNew: true, ...admin });
  });
  const forget = async (teamId: string) => {
    await installations.remove(teamId);
    workspaces.forget(teamId);
  };
  app.event("app_uninstalled", async ({ body }) => {
    const workspaceId = workspaceIdOf(body.team_id);
    await intake.acceptPlaceEvent({ kind: "left", workspaceId });
    await forget(body.team_id);
    log.info({ workspaceId }, "slack.uninstalled");
  });
  // Comes with an uninstallation, and alone when tokens leaked and new ones are made: what was learned stays then.
  app.event("tokens_revoked", async ({ event, body }) => {
    if ((event.tokens.bot ?? []).length === 0) return;
    await forget(body.team_id);
    log.error({ workspaceId: workspaceIdOf(body.team_id), hint: REINSTALL }, "slack.tokens-revoked");
  });
}

function listenToAgent(app: App, { workspaces, agent, stopSession }: ListenParts): void {
  // Apps of the older kind open a thread for each conversation, newer ones the direct messages.
  app.event("assistant_thread_started", async ({ event, context }) => {
    const { channel_id, thread_ts } = event.assistant_thread;
    await agent.offerPrompts(await workspaceOf(workspaces, context.teamId), channel_id, thread_ts);
  });
  app.event("app_home_opened", async ({ event, context }) => {
    if (event.tab !== "messages") return;
    await agent.offerPrompts(await workspaceOf(workspaces, context.teamId), event.channel, undefined);
  });
  app.event("agent_session_stopped", async ({ event, context }) => {
    const { workspaceId } = await workspaceOf(workspaces, context.teamId);
    const place = { workspaceId, channelId: event.channel, threadId: event.thread_ts };
    await stopSession(place, event.streaming_message_ts ?? []);
  });
}

/** People wait for these, so they are acknowledged at once; only a score is stored first. */
function listenToPeople(app: App, { workspaces, commands, log }: ListenParts): void {
  const guard = async (act: () => Promise<void>) => {
    // Already acknowledged: Slack will not send it again, so it must not end the program either.
    await act().catch((error: unknown) => log.error({ err: error }, "slack.interaction-failed"));
  };
  app.command(/.*/, async ({ body, context, ack, respond }) => {
    await ack();
    await guard(async () =>
      commands.slash(await workspaceOf(workspaces, context.teamId), body, (answer) => respond(toSlack(answer))),
    );
  });
  app.shortcut({ type: "message_action", callback_id: CALLBACK_IDS }, async ({ body, context, ack, respond }) => {
    await ack();
    await guard(async () =>
      commands.menu(await workspaceOf(workspaces, context.teamId), body, (answer) => respond(toSlack(answer))),
    );
  });
  app.view(FORM_CALLBACK, async ({ body, context, ack }) => {
    await ack();
    await guard(async () => commands.form(await workspaceOf(workspaces, context.teamId), body));
  });
  app.action(ACTIONS.rate, async ({ body, context, ack, respond }) => {
    await commands.button(await workspaceOf(workspaces, context.teamId), body, (answer) => respond(toSlack(answer)));
    await ack();
  });
  for (const actionId of [ACTIONS.stop, ACTIONS.regenerate, ACTIONS.report, ACTIONS.confirm]) {
    app.action(actionId, async ({ body, context, ack, respond }) => {
      await ack();
      await guard(async () =>
        commands.button(await workspaceOf(workspaces, context.teamId), body, (answer) => respond(toSlack(answer))),
      );
    });
  }
}

function toSlack({ text, blocks, response_type, replace_original }: Answer) {
  return { text, blocks, response_type, ...(replace_original === undefined ? {} : { replace_original }) };
}

/** `authorize` found it a moment ago. */
async function workspaceOf(workspaces: SlackWorkspaces, teamId: string | undefined): Promise<SlackWorkspace> {
  const found = await workspaces.find(teamId ?? "");
  if (found === undefined) throw new Error("Cannot find the workspace of an event: the app is not installed there");
  return found;
}

function isShared(body: { readonly is_ext_shared_channel?: boolean }): boolean {
  return body.is_ext_shared_channel === true;
}
