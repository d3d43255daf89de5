import type { IncomingMessage } from "#core/inbox.ts";
import type { Turn } from "#core/turn.ts";
import type { AnswerParts } from "./answer-parts.ts";
import { checkMessage, type RefusedMessage } from "./check-message.ts";
import type { PlatformConnector } from "./platform-connector.ts";
import { readAttachments } from "./read-attachments.ts";

/** What is asked, in words; files included. */
export interface ReadQuestion {
  readonly isAccepted: true;
  readonly question: string;
  /** For the model, beside the words. */
  readonly images: readonly Uint8Array[];
  /** For the person, before the reply; "" when there is nothing to say. */
  readonly notice: string;
  /** The turn that is to be answered again. */
  readonly again?: Turn;
}

/** May this be asked, and what is it? `stored` is this very turn as a kill left it: it was checked before. */
export async function readQuestion(
  parts: AnswerParts,
  connector: PlatformConnector,
  { message, stored }: { readonly message: IncomingMessage; readonly stored: Turn | undefined },
  signal: AbortSignal,
): Promise<ReadQuestion | RefusedMessage> {
  const again = await findTurnToAnswerAgain(parts, message);
  const known = again === undefined ? {} : { again };
  const { attachments = [], ...words } = message;
  const room = {
    bytesMax: parts.settings.attachmentMaxBytes,
    imageBytesMax: parts.base.seesImages === true ? IMAGE_BYTES_MAX : 0,
  };
  const readFiles = (charsMax: number) =>
    readAttachments({ connector, log: parts.log }, message, { ...room, charsMax }, signal);
  if (stored !== undefined) {
    const hadImages = stored.provenance.images !== undefined && again === undefined;
    const { images } = hadImages ? await readFiles(0) : { images: [] };
    return { isAccepted: true, question: stored.question, images, notice: "", ...known };
  }

  const asked = again === undefined ? message : { ...words, text: again.question };
  const limits = parts.places.of(message);
  const checked = await checkMessage(asked, limits, parts.rateLimiter, parts.now());
  if (!checked.isAccepted) return checked;
  const { question } = checked;
  if (again !== undefined || attachments.length === 0) {
    const notice = again?.provenance.images === undefined ? "" : IMAGES_GONE;
    return { isAccepted: true, question, images: [], notice, ...known };
  }

  const files = await readFiles(limits.messageMaxChars - question.length);
  const all = [question, files.text].filter((text) => text !== "").join("\n\n");
  if (all === "") {
    return {
      isAccepted: false,
      reason: "empty",
      notice: `I found nothing to answer (${files.notice}). Ask me in words.`,
    };
  }
  const { images } = files;
  return { isAccepted: true, question: all, images, notice: files.notice === "" ? "" : `*(${files.notice}.)*\n\n` };
}

/** What phones take is smaller. */
const IMAGE_BYTES_MAX = 10 * 1024 * 1024;
const IMAGES_GONE = "*(I do not keep images, so I answer without: attach it to a new message.)*\n\n";

/** Whoever answers again must be able to read the place where it was asked. */
async function findTurnToAnswerAgain({ chat }: AnswerParts, message: IncomingMessage): Promise<Turn | undefined> {
  const turn = message.regenerationOf === undefined ? undefined : await chat.findTurn(message.regenerationOf);
  return turn?.workspaceId === message.workspaceId && turn.channelId === message.channelId ? turn : undefined;
}
