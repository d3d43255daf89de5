import { cleanText } from "#core/clean-text.ts";
import type { Now } from "#core/clock.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { Answering } from "./answering.ts";
import type { QuestionEdit } from "./intake.ts";
import type { SettingsWatch } from "./place-settings.ts";
import { withoutFiles } from "./read-attachments.ts";

export interface EditParts {
  readonly chat: ChatStore;
  readonly answering: Pick<Answering, "accept" | "underWay">;
  readonly places: Pick<SettingsWatch, "of">;
  readonly now: Now;
  readonly log: Log;
}

/**
 * An edited question is an event of its own; its revision is the time of the edit, so that an older edit that comes late is known
 * as such. Ignored: what was never accepted (`unknown`), is too old, says the same as before (platforms also tell when a preview was
 * added), or was joined with other messages into one question.
 */
export async function acceptEdit(parts: EditParts, edit: QuestionEdit): Promise<"unknown" | "ignored" | "accepted"> {
  const before = await findQuestion(parts, edit);
  if (before === "unknown") return "unknown";
  if (before === undefined || cleanText(before.text) === cleanText(edit.text)) return "ignored";
  const { editWindowMs, isPaused } = parts.places.of(before);
  if (isPaused || parts.now() - before.sentAtMs >= editWindowMs) return "ignored";
  if (edit.editedAtMs <= (before.revision ?? 0)) return "ignored";
  const { attachments: _, ...question } = before;
  const message: IncomingMessage = {
    ...question,
    ...(edit.visibility === undefined ? {} : { visibility: edit.visibility }),
    text: edit.text,
    revision: edit.editedAtMs,
    ...(edit.attachments === undefined ? {} : { attachments: edit.attachments }),
  };
  const eventId = `${edit.workspaceId}:${edit.channelId}:${edit.messageId}:edit:${edit.editedAtMs}`;
  const { isNew } = await parts.answering.accept(eventId, message);
  if (isNew) parts.log.info({ eventId }, "question.edited");
  return "accepted";
}

/** The newest text that was accepted: one that waits or is being answered, else the stored turn's; undefined when it cannot be edited. */
async function findQuestion(
  { chat, answering }: EditParts,
  { workspaceId, channelId, messageId }: QuestionEdit,
): Promise<IncomingMessage | "unknown" | undefined> {
  const [newest] = answering
    .underWay({ workspaceId, channelId })
    .filter(({ message }) => message.messageId === messageId)
    .toSorted((a, b) => (b.message.revision ?? 0) - (a.message.revision ?? 0));
  if (newest !== undefined) return newest.isJoined ? undefined : newest.message;
  const turn = await chat.findTurnByMessage(workspaceId, channelId, messageId);
  return turn === undefined ? "unknown" : questionOf(turn, messageId);
}

function questionOf(turn: Turn, messageId: string): IncomingMessage | undefined {
  const questions = turn.messages.filter(({ role }) => role === "question");
  const isAlone = questions.length === 1 && questions[0]?.messageId === messageId;
  if (!isAlone || turn.status === "deleted" || turn.regenerationOf !== undefined) return undefined;
  const { platform, workspaceId, channelId, threadId, visibility, askerId, askedAtMs, revision } = turn;
  return {
    platform,
    workspaceId,
    channelId,
    ...(threadId === undefined ? {} : { threadId }),
    visibility,
    userId: askerId,
    messageId,
    text: withoutFiles(turn.question),
    sentAtMs: askedAtMs,
    revision,
  };
}
