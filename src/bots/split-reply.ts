import { findBorders } from "./markdown-borders.ts";
import { closeFence, contextAtLine, contextInLine } from "./markdown-context.ts";
import { DOCUMENT_START, type Line, type LineState, scanLines } from "./markdown-lines.ts";

/** One message of a reply that is longer than a message. */
export interface SplitPart {
  /** Its slice of the text: all slices joined are the text. */
  readonly raw: string;
  /** What is posted: the slice, with what was open before it opened again and closed. White space that no reader sees is left out. */
  readonly shown: string;
}

/**
 * Cuts rendered Markdown into messages of at most `charsMax` characters, at natural borders and never within a link, code or an
 * emoji where another border is in reach. None for a text without visible characters.
 */
export function splitReply(rendered: string, charsMax: number): readonly SplitPart[] {
  return openSplitter(charsMax)(rendered);
}

/**
 * Splits a text again and again while it grows. A part is settled when the text behind it is long enough to tell its border;
 * settled parts are not looked at again. Gives what `splitReply` gives.
 */
export function openSplitter(charsMax: number): (rendered: string) => readonly SplitPart[] {
  let settled: readonly Piece[] = [];
  return (rendered) => {
    if (rendered.trim() === "") return [];
    // A platform without a limit renders by itself: nothing is closed for it.
    if (charsMax === Number.MAX_SAFE_INTEGER) return [{ raw: rendered, shown: rendered }];
    const kept = countKept(settled, rendered);
    const pieces = settled.slice(0, kept);
    let start = pieces.at(-1)?.next ?? { at: 0, scanFrom: 0, state: DOCUMENT_START, prefix: "" };
    const parts = pieces.map(({ part }) => part);
    while (start.at < rendered.length) {
      const piece = cutPiece(rendered, start, charsMax);
      parts.push(piece.part);
      if (piece.isSettled && pieces.length === parts.length - 1) pieces.push(piece);
      start = piece.next;
    }
    settled = pieces;
    return parts;
  };
}

/** Where a piece begins. */
interface Start {
  readonly at: number;
  /** The begin of its line, and what is open there. */
  readonly scanFrom: number;
  readonly state: LineState;
  readonly prefix: string;
}

interface Piece {
  readonly part: SplitPart;
  readonly next: Start;
  /** More text behind would not change it. */
  readonly isSettled: boolean;
  /** The text that the border depends on ends here. */
  readonly seenTo: number;
  readonly seen: string;
}

function countKept(settled: readonly Piece[], text: string): number {
  let at = 0;
  for (const [index, piece] of settled.entries()) {
    if (!text.startsWith(piece.seen, at)) return index;
    at = piece.next.at;
  }
  return settled.length;
}

function cutPiece(text: string, start: Start, charsMax: number): Piece {
  const viewTo = endOfView(text, start.at, charsMax);
  const lines = scanLines(text, start.scanFrom, viewTo, start.state);
  const last = lines.at(-1);
  if (last !== undefined && viewTo === text.length) {
    const shown = showPiece(text.slice(start.at), start.prefix, last.after);
    if (shown.length <= charsMax) {
      const next = { at: text.length, scanFrom: text.length, state: last.after, prefix: "" };
      return { part: { raw: text.slice(start.at), shown }, next, isSettled: false, seenTo: viewTo, seen: "" };
    }
  }
  const shownAt = (at: number): string | undefined => {
    const line = lineOf(lines, at);
    if (line === undefined) return undefined;
    const state = at === line.from ? line.before : line.after;
    return showPiece(
      text.slice(start.at, at),
      start.prefix,
      line.kind === "fence-close" && at > line.from ? line.before : state,
    );
  };
  const view = { text, from: start.at, to: viewTo, lines, charsMax, lengthAt: (at: number) => shownAt(at)?.length };
  const at = findBorders(view);
  const next = beginAt(text, lines, at, charsMax);
  const isSettled = viewTo < text.length && next.at < text.length;
  const part = { raw: text.slice(start.at, next.at), shown: shownAt(at) ?? "" };
  return { part, next, isSettled, seenTo: viewTo, seen: text.slice(start.at, Math.max(viewTo, next.at + 1)) };
}

/** As far as a border depends on the text: a message, and what tells where a link or line at its end ends. */
function endOfView(text: string, from: number, charsMax: number): number {
  const ahead = Math.min(1000, charsMax);
  let to = from + charsMax + ahead;
  if (to >= text.length) return text.length;
  // White space is not shown, however long.
  while (to < text.length && /\s/u.test(text.charAt(to - 1)) && /\s/u.test(text.charAt(to))) to++;
  return Math.min(text.length, to + ahead);
}

/** White space between two pieces belongs to the first, unless it is code or the indentation of a line. */
function beginAt(text: string, lines: readonly Line[], at: number, charsMax: number): Start {
  const line = lineOf(lines, at);
  if (line === undefined) throw new Error("Cannot split a reply: the border is outside of the text");
  const { from: scanFrom, before: state } = line;
  if (at > line.from) return { at, scanFrom, state, prefix: fitting(contextInLine(line).prefix, charsMax) };
  const white = /^[ \t]*/u.exec(text.slice(at, line.to))?.[0] ?? "";
  const { prefix, indentTaken } = contextAtLine(line, text, white.replaceAll("\t", "    ").length, charsMax);
  return { at: at + takeColumns(white, indentTaken), scanFrom, state, prefix: fitting(prefix, charsMax) };
}

/** Context that leaves too little room for the text is no help. */
function fitting(prefix: string, charsMax: number): string {
  return prefix.length > charsMax / 3 ? "" : prefix;
}

function takeColumns(white: string, columns: number): number {
  let taken = 0;
  let at = 0;
  while (at < white.length && taken < columns) taken += white[at++] === "\t" ? 4 : 1;
  return at;
}

function showPiece(raw: string, prefix: string, { containers, fence }: LineState): string {
  const opened = prefix === "" ? raw.replace(/^(?:[ \t\r]*\n)+/u, "") : prefix + raw;
  if (fence === undefined || fence.mark.length > 100) return trimEnd(opened);
  return opened + closeFence(opened, containers, fence);
}

/** Without white space and empty lines of a quote. */
function trimEnd(text: string): string {
  return text
    .trimEnd()
    .replace(/(?:\n[ \t]*(?:>[ \t]*)+)+$/u, "")
    .trimEnd();
}

/** The line that a piece ending at `at` ends before or in. */
function lineOf(lines: readonly Line[], at: number): Line | undefined {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lines[middle]?.from ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return lines[low];
}
