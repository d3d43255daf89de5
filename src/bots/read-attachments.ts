import { cleanText, controlRatio } from "#core/clean-text.ts";
import type { Attachment, IncomingMessage } from "#core/inbox.ts";
import type { Log } from "#core/log.ts";
import type { PlatformConnector } from "./platform-connector.ts";

/** What came beside a message, as words. */
export interface ReadAttachments {
  /** Each text file under its name, as a fenced block; "" when there was none. */
  readonly text: string;
  /** PNG and JPEG files, which stand in `text` by their names. */
  readonly images: readonly Uint8Array[];
  /** What could not be read, for the person; "" when nothing. */
  readonly notice: string;
}

export interface AttachmentLimits {
  /** Of one file; 0: no file is read. */
  readonly bytesMax: number;
  /** Of one image; 0: the model sees none. */
  readonly imageBytesMax: number;
  /** Of all text together; what does not fit is cut, with a word. */
  readonly charsMax: number;
}

/** Files beyond this many are named, not read. */
const FILES_MAX = 5;
const READ_TIMEOUT_MS = 15_000;
/** More than this share of control characters is no text, whatever the platform calls it. */
const CONTROL_RATIO_MAX = 0.02;
/** Below this a cut file is not worth its frame. */
const CUT_CHARS_MIN = 100;

/**
 * Text files become text, images go to a model that sees, everything else is named. A file that cannot be fetched is named too, and
 * logged.
 */
export async function readAttachments(
  { connector, log }: { readonly connector: PlatformConnector; readonly log: Log },
  { attachments = [], workspaceId }: IncomingMessage,
  limits: AttachmentLimits,
  signal: AbortSignal,
): Promise<ReadAttachments> {
  const blocks: string[] = [];
  const images: Uint8Array[] = [];
  const marks: string[] = [];
  const notices: string[] = [];
  let left = limits.charsMax;

  /** Undefined, and named, when it cannot be had. */
  async function fetchFile(attachment: Attachment, name: string, bytesMax: number): Promise<Uint8Array | undefined> {
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(READ_TIMEOUT_MS)]);
      return await connector.readAttachment(attachment, workspaceId, bytesMax, limit);
    } catch (error) {
      log.warn({ workspaceId, attachmentId: attachment.id, err: error }, "attachment.unreadable");
      notices.push(`${name}: it could not be fetched`);
      return undefined;
    }
  }

  async function readImage(attachment: Attachment, name: string): Promise<void> {
    const contents = await fetchFile(attachment, name, limits.imageBytesMax);
    if (contents === undefined) return;
    if (!isSeen(contents)) return void notices.push(`${name}: I can see PNG and JPEG images only`);
    images.push(contents);
    marks.push(`[${IMAGE_WORD}: ${name}]`);
  }

  async function readText(attachment: Attachment, name: string): Promise<void> {
    const { bytesMax } = limits;
    const contents = await fetchFile(attachment, name, bytesMax);
    if (contents === undefined) return;
    const text = decode(contents, attachment.mediaType, contents.length >= bytesMax);
    const frame = text === undefined ? undefined : frameText(name, text, left);
    if (frame === undefined) {
      notices.push(`${name}: ${text === undefined ? "it is not text" : "there is no room left for it"}`);
      return;
    }
    blocks.push(frame.block);
    left -= frame.block.length;
    if (frame.cutChars > 0) notices.push(`${name}: it was cut; ${frame.cutChars} characters did not fit`);
  }

  for (const [index, attachment] of attachments.entries()) {
    const name = plainName(attachment.name);
    const refusal = index >= FILES_MAX ? `only ${FILES_MAX} files are read` : refuse(attachment, limits);
    if (refusal !== undefined) notices.push(`${name}: ${refusal}`);
    else if (isImage(attachment)) await readImage(attachment, name);
    else await readText(attachment, name);
  }
  return { text: [...blocks, ...marks].join("\n\n"), images, notice: notices.join("; ") };
}

function isImage({ mediaType }: Attachment): boolean {
  return mediaType.toLowerCase().startsWith("image/");
}

/** By its first bytes: every engine takes these two kinds. */
function isSeen(bytes: Uint8Array): boolean {
  return [PNG, JPEG].some((beginning) => beginning.every((byte, at) => bytes[at] === byte));
}

const PNG = [0x89, 0x50, 0x4e, 0x47];
const JPEG = [0xff, 0xd8, 0xff];

/** Undefined when it may be read; what a platform calls binary is often a log or a script, so its bytes decide. */
function refuse(attachment: Attachment, { bytesMax, imageBytesMax }: AttachmentLimits): string | undefined {
  const kind = attachment.mediaType.toLowerCase();
  if (isImage(attachment) && imageBytesMax === 0) return "this model cannot see images";
  if (/^(audio|video|font|model)\//u.test(kind) || UNREADABLE.test(kind)) return "I can read text files only";
  if (bytesMax === 0) return "files are not read here";
  const most = isImage(attachment) ? imageBytesMax : bytesMax;
  return attachment.bytes > most ? `it has ${attachment.bytes} bytes; the limit is ${most}` : undefined;
}

const UNREADABLE = /^application\/(pdf|zip|gzip|x-(tar|7z|rar|bzip2)|msword|vnd\.(ms-|openxmlformats|oasis))/u;

/** Undefined when the bytes are no text. A file that `isCut` inside a character loses that character. */
function decode(bytes: Uint8Array, mediaType: string, isCut: boolean): string | undefined {
  const encodings = [encodingOfMark(bytes) ?? "utf-8", ...(mediaType.startsWith("text/") ? ["windows-1252"] : [])];
  for (const encoding of encodings) {
    try {
      const text = new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: isCut });
      if (controlRatio(text) <= CONTROL_RATIO_MAX) return cleanText(text);
    } catch {
      // Not in this encoding.
    }
  }
  return undefined;
}

function encodingOfMark([first, second]: Uint8Array): string | undefined {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : undefined;
}

/** Undefined when it does not fit at all. The fence is longer than any inside, so that the file cannot end it. */
function frameText(name: string, text: string, charsMax: number) {
  const longest = (text.match(/`+/gu) ?? []).reduce((most, run) => Math.max(most, run.length), 2);
  const fence = "`".repeat(longest + 1);
  const frame = (inner: string) => `${FILE_WORD} ${name}:\n${fence}\n${inner}\n${fence}`;
  const room = charsMax - frame("").length;
  if (room >= text.length) return { block: frame(text), cutChars: 0 };
  if (room < CUT_CHARS_MIN) return undefined;
  const kept = cleanText(text.slice(0, room - CUT_WORD.length - 1));
  return { block: frame(`${kept}\n${CUT_WORD}`), cutChars: text.length - kept.length };
}

const FILE_WORD = "File";
const IMAGE_WORD = "Image";
const CUT_WORD = "[cut]";

/** The words of a question without the files and images that followed it; the same as `question` where there were none. */
export function withoutFiles(question: string): string {
  const at = question.search(/(^|\n\n)(File [^\n]{1,100}:\n`{3}|\[Image: [^\n\]]{1,100}\](\n\n|$))/u);
  return at < 0 ? question : question.slice(0, at);
}

/** One line, without Markdown that a name could bring along. */
function plainName(name: string): string {
  const plain = cleanText(name)
    .replace(/[\s`*_~|<>[\]()\\]+/gu, " ")
    .trim();
  return Array.from(plain).slice(0, 80).join("") || "unnamed";
}
