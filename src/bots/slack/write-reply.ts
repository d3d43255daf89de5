import type { ReplyPart } from "#bots/platform-connector.ts";
import { fallbackText } from "./render-markdown.ts";
import { actionBlocks, markdownBlock, replyMetadata } from "./reply-blocks.ts";
import type { CallKind } from "./slack-calls.ts";
import { causeOf, slackErrorOf } from "./slack-refusals.ts";
import type { SlackWorkspace } from "./slack-workspaces.ts";

/** The new message's id. */
export async function postReply(part: ReplyPart, workspace: SlackWorkspace): Promise<string> {
  const kind = writeKind("chat.postMessage", part, { channelId: part.channelId });
  const where = {
    channel: part.channelId,
    ...(part.threadId === undefined ? {} : { thread_ts: part.threadId }),
    metadata: replyMetadata(part),
    unfurl_links: false,
    unfurl_media: false,
  };
  const { ts } = await withPlainFallback(part, (content) =>
    workspace.calls.run(kind, (client) => client.chat.postMessage({ ...where, ...content })),
  );
  if (ts === undefined) throw new Error("chat.postMessage named no message");
  return ts;
}

/** Replaces the whole text. */
export async function updateReply(
  messageId: string,
  part: ReplyPart,
  workspace: SlackWorkspace,
  how: Pick<CallKind, "urgency" | "onTimedOut">,
): Promise<void> {
  const kind = writeKind("chat.update", part, { ...how, isRepeatable: true });
  await withPlainFallback(part, (content) =>
    workspace.calls.run(kind, (client) =>
      client.chat.update({ channel: part.channelId, ts: messageId, metadata: replyMetadata(part), ...content }),
    ),
  );
}

export function writeKind(method: string, { isFinal }: Pick<ReplyPart, "isFinal">, given: Partial<CallKind>): CallKind {
  return { method, what: isFinal ? "post a reply" : "show a reply", urgency: "must", isRepeatable: false, ...given };
}

type Content =
  | { readonly text: string; readonly blocks: ReturnType<typeof contentBlocks> }
  | { readonly markdown_text: string };

function contentBlocks(part: ReplyPart) {
  return [markdownBlock(part.text === "" ? "…" : part.text), ...actionBlocks(part)];
}

/** Blocks where Slack takes them; a workspace that refuses one of them gets the text without buttons. */
async function withPlainFallback<Result>(
  part: ReplyPart,
  send: (content: Content) => Promise<Result>,
): Promise<Result> {
  try {
    return await send({ text: fallbackText(part.text) || "…", blocks: contentBlocks(part) });
  } catch (error) {
    const code = slackErrorOf(causeOf(error));
    if (code !== "invalid_blocks" && code !== "invalid_blocks_format") throw error;
    return await send({ markdown_text: part.text === "" ? "…" : part.text });
  }
}
