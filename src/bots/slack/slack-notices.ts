import type { types } from "@slack/bolt";
import type { CommandCall } from "#bots/chat-command.ts";
import type { SettingsWatch } from "#bots/place-settings.ts";
import type { Notice } from "#bots/platform-connector.ts";
import { PlatformRefusedError } from "#core/errors.ts";
import { textMessages } from "./command-forms.ts";
import { withSlashNames } from "./command-names.ts";
import { NOTICE_EVENT } from "./reply-blocks.ts";
import type { SlackWorkspace, SlackWorkspaces } from "./slack-workspaces.ts";

/** What the bot says that answers no question, and files. */
export interface SlackNotices {
  tell(notice: Notice): Promise<void>;
  /** Only this person sees it; where the bot is not in the channel, as a direct message. */
  tellPerson(workspace: SlackWorkspace, to: Recipient, content: Content): Promise<void>;
  /** Slack has no files for one person only: those go into the direct messages with the bot. */
  sendFile(workspace: SlackWorkspace, to: Recipient, file: SlackFile): Promise<void>;
}

type Recipient = Pick<CommandCall, "channelId" | "threadId" | "userId">;

interface Content {
  readonly text: string;
  readonly blocks?: (types.KnownBlock | types.Block)[] | undefined;
}

export interface SlackFile {
  readonly contents: Uint8Array;
  readonly name: string;
  readonly alt?: string;
  readonly isPublic: boolean;
}

const USER_PAGES_MAX = 10;

/** `onRefused` is told of a way to the admins that is closed. */
export function slackNotices(
  workspaces: SlackWorkspaces,
  settings: SettingsWatch,
  onRefused: (error: PlatformRefusedError) => void,
): SlackNotices {
  const write = (method: string, channelId: string) =>
    ({ method, what: "post a notice", channelId, urgency: "must", isRepeatable: false }) as const;

  async function post(
    workspace: SlackWorkspace,
    channelId: string,
    threadId: string | undefined,
    content: Content,
  ): Promise<void> {
    await workspace.calls.run(write("chat.postMessage", channelId), (client) =>
      client.chat.postMessage({
        channel: channelId,
        ...(threadId === undefined ? {} : { thread_ts: threadId }),
        text: content.text,
        ...(content.blocks === undefined ? {} : { blocks: content.blocks }),
        metadata: { event_type: NOTICE_EVENT, event_payload: {} },
        unfurl_links: false,
        unfurl_media: false,
      }),
    );
  }

  async function openDirect(workspace: SlackWorkspace, userId: string): Promise<string> {
    const kind = {
      method: "conversations.open",
      what: "open a direct message",
      urgency: "must",
      isRepeatable: true,
    } as const;
    const { channel } = await workspace.calls.run(kind, (client) => client.conversations.open({ users: userId }));
    if (channel?.id === undefined) throw new Error("conversations.open named no channel");
    return channel.id;
  }

  const tellPerson: SlackNotices["tellPerson"] = async (workspace, { channelId, threadId, userId }, content) => {
    try {
      await workspace.calls.run(write("chat.postEphemeral", channelId), (client) =>
        client.chat.postEphemeral({
          channel: channelId,
          user: userId,
          ...(threadId === undefined ? {} : { thread_ts: threadId }),
          text: content.text,
          ...(content.blocks === undefined ? {} : { blocks: content.blocks }),
        }),
      );
    } catch (error) {
      if (!(error instanceof PlatformRefusedError)) throw error;
      await post(workspace, await openDirect(workspace, userId), undefined, content);
    }
  };

  async function findOwner(workspace: SlackWorkspace): Promise<string | undefined> {
    const kind = { method: "users.list", what: "find an admin", urgency: "must", isRepeatable: true } as const;
    let owner: string | undefined;
    let cursor = "";
    for (let page = 0; page < USER_PAGES_MAX; page++) {
      const answer = await workspace.calls.run(kind, (client) => client.users.list({ limit: 200, cursor }));
      const members = (answer.members ?? []).filter(
        ({ id, deleted, is_bot }) => deleted !== true && is_bot !== true && id !== workspace.botUserId,
      );
      const primary = members.find((member) => member.is_primary_owner === true);
      if (primary !== undefined) return primary.id;
      owner ??= members.find((member) => member.is_owner === true || member.is_admin === true)?.id;
      cursor = answer.response_metadata?.next_cursor ?? "";
      if (cursor === "") break;
    }
    return owner;
  }

  /** In the channel that the admins chose, else to one of them; to the next one where that is gone, or closed to the bot. */
  async function tellAdmins(workspace: SlackWorkspace, contents: readonly Content[]): Promise<void> {
    const { adminChannel } = settings.of({ platform: "slack", workspaceId: workspace.workspaceId });
    const { installerId } = workspace;
    const ways = [
      ...(adminChannel === undefined ? [] : [async () => adminChannel]),
      ...(installerId === undefined ? [] : [() => openDirect(workspace, installerId)]),
    ];
    for (const way of ways) if (await isPosted(workspace, way, contents)) return;
    const owner = await findOwner(workspace);
    if (owner === undefined) {
      throw new PlatformRefusedError(
        `reach an admin of workspace "${workspace.workspaceId}": Slack names none`,
        "gone",
        "Set the channel for admins with `/settings set chat.adminChannel`",
      );
    }
    const direct = await openDirect(workspace, owner);
    for (const content of contents) await post(workspace, direct, undefined, content);
  }

  /** False when Slack refuses it for good. */
  async function isPosted(
    workspace: SlackWorkspace,
    findChannel: () => Promise<string>,
    contents: readonly Content[],
  ): Promise<boolean> {
    try {
      const channelId = await findChannel();
      for (const content of contents) await post(workspace, channelId, undefined, content);
      return true;
    } catch (error) {
      if (!(error instanceof PlatformRefusedError) || error.reason === "credentials") throw error;
      onRefused(error);
      return false;
    }
  }

  return {
    tellPerson,
    async tell(notice) {
      const workspace = await workspaces.get(notice.workspaceId);
      // Beside no conversation it has to stay until it is read: what only one person sees is gone when they were not there.
      const isDirect = notice.channelId === undefined && notice.onlyTo !== undefined;
      const contents = textMessages(withSlashNames(notice.text));
      if (notice.channelId === undefined && notice.onlyTo === undefined) return await tellAdmins(workspace, contents);
      const channelId = notice.channelId ?? (await openDirect(workspace, notice.onlyTo ?? ""));
      for (const content of contents) {
        if (notice.onlyTo === undefined || isDirect) await post(workspace, channelId, notice.threadId, content);
        else {
          const to = {
            channelId,
            userId: notice.onlyTo,
            ...(notice.threadId === undefined ? {} : { threadId: notice.threadId }),
          };
          await tellPerson(workspace, to, content);
        }
      }
    },
    async sendFile(workspace, to, file) {
      const channelId = file.isPublic ? to.channelId : await openDirect(workspace, to.userId);
      const kind = { method: "files.uploadV2", what: "send a file", urgency: "must", isRepeatable: false } as const;
      await workspace.calls.run(kind, (client) =>
        client.filesUploadV2({
          file: Buffer.from(file.contents),
          filename: file.name,
          title: file.name,
          ...(file.alt === undefined ? {} : { alt_text: file.alt }),
          channel_id: channelId,
        }),
      );
    },
  };
}
