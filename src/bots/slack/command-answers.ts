import type { CommandCall, CommandReply } from "#bots/chat-command.ts";
import type { Intake } from "#bots/intake.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import { confirmBlock, formView, type SlackText, textMessages } from "./command-forms.ts";
import { withSlashNames } from "./command-names.ts";
import { eventIdOf, msOf } from "./read-message.ts";
import { recentMap } from "./recent-map.ts";
import { NOTICE_EVENT } from "./reply-blocks.ts";
import type { SlackNotices } from "./slack-notices.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/** Answers the person who called, at the address that Slack gave for it. */
export type Respond = (message: Answer) => Promise<unknown>;

export interface Answer extends SlackText {
  readonly response_type: "in_channel" | "ephemeral";
  readonly replace_original?: boolean;
}

/** Runs a call, once, and shows what came of it: words, files, a form, or a question that is asked in the channel. */
export type AnswerCommand = (
  workspace: SlackWorkspace,
  call: CommandCall,
  say: Respond,
  triggerId?: string,
) => Promise<void>;

export interface CommandAnswersParts {
  readonly intake: Intake;
  readonly settings: SettingsWatch;
  readonly notices: SlackNotices;
}

const CALLS_MAX = 1000;

export function commandAnswers({ intake, settings: places, notices }: CommandAnswersParts): AnswerCommand {
  const answered = recentMap<true>(CALLS_MAX);

  async function run(workspace: SlackWorkspace, call: CommandCall, say: Respond, triggerId?: string): Promise<void> {
    // A socket that broke before the acknowledgement brings the same call again; it was answered.
    if (answered.get(call.callId)) return;
    answered.set(call.callId, true);
    const reply = await intake.runCommand(call);
    if (reply.isRepeat === true) return;
    if (reply.ask !== undefined) return await ask(workspace, call, reply.ask.question, reply.text, say);
    if (reply.form !== undefined && triggerId !== undefined && (await openForm(workspace, call, reply, triggerId)))
      return;
    await tellReply(workspace, call, reply, say);
  }

  /** False: Slack did not open it (it does so only within 3 s), so the text has to do. */
  async function openForm(
    workspace: SlackWorkspace,
    call: CommandCall,
    reply: CommandReply,
    triggerId: string,
  ): Promise<boolean> {
    const view = reply.form === undefined ? undefined : formView(call, reply.form);
    if (view === undefined) return false;
    const kind = { method: "views.open", what: "open a form", urgency: "must", isRepeatable: false } as const;
    return await workspace.calls
      .run(kind, (client) => client.views.open({ trigger_id: triggerId, view }))
      .then(
        () => true,
        () => false,
      );
  }

  async function tellReply(
    workspace: SlackWorkspace,
    call: CommandCall,
    reply: CommandReply,
    say: Respond,
  ): Promise<void> {
    const isPublic = reply.isPublic === true;
    const isForCaller = reply.file !== undefined || (reply.image !== undefined && !isPublic);
    const goesElsewhere = isForCaller && call.visibility !== "direct";
    const where = goesElsewhere ? "\n*The file is in your direct messages with me.*" : "";
    const messages = textMessages(`${withSlashNames(reply.text)}${where}`);
    const confirm = reply.confirm && confirmBlock(call, reply.confirm.label, reply.confirm.options);
    for (const [index, message] of messages.entries()) {
      const isLast = index === messages.length - 1;
      await say({
        text: message.text,
        blocks: isLast && confirm !== undefined ? [...message.blocks, confirm] : message.blocks,
        response_type: isPublic ? "in_channel" : "ephemeral",
        replace_original: false,
      });
    }
    await sendFiles(workspace, call, reply).catch(async (error: unknown) => {
      const why = error instanceof PlatformRefusedError ? `${error.message}. ${error.hint}` : "Please try again.";
      await tellEphemerally(say, `I could not send you the file. ${why}`);
      throw error;
    });
  }

  async function sendFiles(workspace: SlackWorkspace, call: CommandCall, reply: CommandReply): Promise<void> {
    const { image, file, isPublic = false } = reply;
    if (image !== undefined) {
      await notices.sendFile(workspace, call, { contents: image.png, name: image.name, alt: image.alt, isPublic });
    }
    if (file !== undefined) {
      await notices.sendFile(workspace, call, { contents: file.contents, name: file.name, isPublic: false });
    }
  }

  /** The question stands in the channel, so that everybody sees what is answered, and is a message like any other from then on. */
  async function ask(
    workspace: SlackWorkspace,
    call: CommandCall,
    question: string,
    shown: string,
    say: Respond,
  ): Promise<void> {
    const { channelId, visibility, userId, workspaceId } = call;
    const [message] = textMessages(shown);
    const kind = {
      method: "chat.postMessage",
      what: "post a question",
      channelId,
      urgency: "must",
      isRepeatable: false,
    } as const;
    try {
      const { ts } = await workspace.calls.run(kind, (client) =>
        client.chat.postMessage({
          channel: channelId,
          text: message?.text ?? "",
          blocks: message?.blocks ?? [],
          metadata: { event_type: NOTICE_EVENT, event_payload: {} },
          unfurl_links: false,
          unfurl_media: false,
        }),
      );
      if (ts === undefined) throw new Error("chat.postMessage named no message");
      const settings = places.of({ platform: "slack", workspaceId, channelId, visibility });
      const opensThread = visibility === "direct" ? workspace.isAgent : settings.openThreads;
      await intake.acceptMessage(eventIdOf(workspace.teamId, channelId, ts), {
        platform: "slack",
        workspaceId,
        channelId,
        ...(opensThread ? { threadId: ts } : {}),
        visibility,
        userId,
        messageId: ts,
        text: question,
        sentAtMs: msOf(ts),
      });
    } catch (error) {
      if (!(error instanceof PlatformRefusedError)) throw error;
      await tellEphemerally(say, "I cannot write here. Invite me into the channel with `/invite`, then ask again.");
    }
  }

  return run;
}

export async function tellEphemerally(respond: Respond, markdown: string): Promise<void> {
  for (const message of textMessages(withSlashNames(markdown)))
    await respond({ ...message, response_type: "ephemeral" });
}
