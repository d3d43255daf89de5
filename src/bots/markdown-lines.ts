/*
 * The block structure of Markdown, line by line, after the algorithm of CommonMark 0.31 (section "Phase 1"): a stack of
 * containers (quotes and list items), and at most one open fence. A full parser takes 4 µs and more per character, which is too
 * slow for a text that is split anew with every edit; this takes about 1 µs per line and can go on from any line.
 * Left out, because they change no border: link definitions, HTML blocks and footnotes count as paragraphs.
 */

/** A quote, or a list item whose contents stand `width` columns further in. */
export type Container = { readonly kind: "quote" } | { readonly kind: "item"; readonly width: number };

export interface Fence {
  /** "```", "~~~~". */
  readonly mark: string;
  readonly info: string;
  /** Spaces before it, inside its containers; 0 to 3. */
  readonly indent: number;
}

/** What is open before a line. */
export interface LineState {
  readonly containers: readonly Container[];
  readonly fence?: Fence;
  /** The line before was text that a next line may go on with. */
  readonly isInParagraph: boolean;
  /** Where the table that the line before belongs to begins, and where its first two lines end. */
  readonly table?: { readonly from: number; readonly headEnd?: number };
}

export type LineKind =
  | "blank"
  | "paragraph"
  | "continuation"
  | "heading"
  | "underline"
  | "rule"
  | "indented"
  | "table-head"
  | "table-row"
  | "fence-open"
  | "fence-line"
  | "fence-close";

export interface Line {
  readonly from: number;
  /** Without the line feed. */
  readonly to: number;
  readonly kind: LineKind;
  readonly before: LineState;
  readonly after: LineState;
  /** How many of the containers open before go on in this line. */
  readonly matched: number;
  /** Where its words begin, after quotes, markers and indentation. */
  readonly wordsFrom: number;
}

export const DOCUMENT_START: LineState = { containers: [], isInParagraph: false };

/** The lines from `from`, which is where a line begins, to `to`. Every line but the last has ended. */
export function scanLines(text: string, from: number, to: number, start: LineState): readonly Line[] {
  const lines: Line[] = [];
  let state = start;
  for (let at = from; at < to; ) {
    const feed = text.indexOf("\n", at);
    const end = feed < 0 || feed >= to ? to : feed;
    const line = scanLine(text, at, end, state);
    lines.push(line);
    state = line.after;
    at = end + 1;
  }
  return lines;
}

function scanLine(text: string, from: number, to: number, before: LineState): Line {
  const cursor: Cursor = { text, to, at: from, spare: 0 };
  const matched = matchContainers(cursor, before.containers);
  const goesOn = matched === before.containers.length;
  const line = (kind: LineKind, after: LineState): Line => {
    skipSpaces(cursor, Number.MAX_SAFE_INTEGER);
    return { from, to, kind, before, after, matched, wordsFrom: cursor.at };
  };
  if (before.fence !== undefined && goesOn) {
    if (!isFenceEnd(cursor, before.fence)) return line("fence-line", before);
    return line("fence-close", { containers: before.containers, isInParagraph: false });
  }
  const kept = before.containers.slice(0, matched);
  const opened = openContainers(cursor, before, goesOn);
  const containers = opened.length === 0 ? kept : [...kept, ...opened];
  if (isRestBlank(cursor)) {
    // A blank line ends paragraphs and quotes; items wait for the next line to tell.
    const open = opened.length > 0 ? containers : before.containers.slice(0, matched);
    return line("blank", { containers: open, isInParagraph: false });
  }
  const isNew = opened.length > 0;
  const indent = measureIndent(cursor);
  if (indent >= 4 && !(before.isInParagraph && !isNew)) {
    return line("indented", { containers, isInParagraph: false });
  }
  if (indent < 4) {
    const rest = restOf(cursor).trimStart();
    const fence = readFence(rest, indent);
    if (fence !== undefined) return line("fence-open", { containers, fence, isInParagraph: false });
    if (/^#{1,6}(?:\s|$)/u.test(rest)) return line("heading", { containers, isInParagraph: false });
    if (before.isInParagraph && goesOn && !isNew && /^(?:=+|-+)\s*$/u.test(rest)) {
      return line("underline", { containers, isInParagraph: false });
    }
    if (isRule(rest)) return line("rule", { containers, isInParagraph: false });
  }
  const text_ = { containers, isInParagraph: true };
  if (isNew || !before.isInParagraph) {
    const isRow = restOf(cursor).includes("|");
    return line("paragraph", isRow ? { ...text_, table: { from } } : text_);
  }
  if (goesOn && before.table !== undefined) {
    if (before.table.headEnd !== undefined) return line("table-row", { ...text_, table: before.table });
    if (isDelimiterRow(restOf(cursor)))
      return line("table-head", { ...text_, table: { ...before.table, headEnd: to } });
  }
  // Text that leaves out the marks of its containers goes on with their paragraph all the same.
  return line("continuation", { containers: before.containers, isInParagraph: true });
}

interface Cursor {
  readonly text: string;
  readonly to: number;
  at: number;
  /** Columns of a tab that are not used up. */
  spare: number;
}

function matchContainers(cursor: Cursor, containers: readonly Container[]): number {
  for (const [index, container] of containers.entries()) {
    if (container.kind === "quote") {
      if (!takeQuote(cursor)) return index;
    } else if (!isRestBlank(cursor)) {
      if (measureIndent(cursor) < container.width) return index;
      skipSpaces(cursor, container.width);
    }
  }
  return containers.length;
}

function openContainers(cursor: Cursor, before: LineState, goesOn: boolean): readonly Container[] {
  const opened: Container[] = [];
  // Deeper than any text of people; each level costs a look.
  while (opened.length < 50 && measureIndent(cursor) < 4) {
    if (takeQuote(cursor)) {
      opened.push({ kind: "quote" });
      continue;
    }
    const width = takeMarker(cursor, before.isInParagraph && goesOn && opened.length === 0);
    if (width === undefined) break;
    opened.push({ kind: "item", width });
  }
  return opened;
}

function takeQuote(cursor: Cursor): boolean {
  const indent = measureIndent(cursor);
  if (indent > 3) return false;
  const at = firstWord(cursor);
  if (at >= cursor.to || cursor.text[at] !== ">") return false;
  cursor.at = at + 1;
  cursor.spare = 0;
  skipSpaces(cursor, 1);
  return true;
}

const MARKER = /^(?:[-*+]|(\d{1,9})[.)])(?=[ \t]|$)/u;

/** The width of an item's mark with the space before and after it. Undefined where there is none. */
function takeMarker(cursor: Cursor, isInParagraph: boolean): number | undefined {
  const indent = measureIndent(cursor);
  const at = firstWord(cursor);
  const rest = cursor.text.slice(at, Math.min(cursor.to, at + 200));
  const found = MARKER.exec(rest);
  if (found === null || isRule(rest)) return undefined;
  const isEmpty = rest.slice(found[0].length).trim() === "";
  // In the middle of a paragraph "1984. A year" is text.
  if (isInParagraph && (isEmpty || (found[1] !== undefined && Number(found[1]) !== 1))) return undefined;
  cursor.at = at + found[0].length;
  cursor.spare = 0;
  const padding = measureIndent(cursor);
  const taken = isEmpty || padding > 4 ? 1 : padding;
  skipSpaces(cursor, taken);
  return indent + found[0].length + taken;
}

function isRule(rest: string): boolean {
  return /^(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$/u.test(rest);
}

function readFence(rest: string, indent: number): Fence | undefined {
  const found = /^(`{3,}(?=[^`]*$)|~{3,})/u.exec(rest);
  const mark = found?.[1];
  return mark === undefined ? undefined : { mark, info: rest.slice(mark.length).trim(), indent };
}

function isFenceEnd(cursor: Cursor, { mark }: Fence): boolean {
  if (measureIndent(cursor) > 3) return false;
  const rest = restOf(cursor).trim();
  return rest.length >= mark.length && rest === (mark[0] ?? "").repeat(rest.length);
}

function isDelimiterRow(rest: string): boolean {
  return /^[\s|:-]+$/u.test(rest) && rest.includes("-") && rest.includes("|");
}

function isRestBlank(cursor: Cursor): boolean {
  return firstWord(cursor) >= cursor.to;
}

function restOf(cursor: Cursor): string {
  return cursor.text.slice(cursor.at, cursor.to);
}

function firstWord(cursor: Cursor): number {
  let at = cursor.at;
  while (at < cursor.to && isSpace(cursor.text.charCodeAt(at))) at++;
  return at;
}

/** Columns of white space ahead; a tab counts for four. */
function measureIndent(cursor: Cursor): number {
  let columns = cursor.spare;
  for (let at = cursor.at; at < cursor.to; at++) {
    const code = cursor.text.charCodeAt(at);
    if (!isSpace(code)) break;
    columns += code === 9 ? 4 : 1;
  }
  return columns;
}

function skipSpaces(cursor: Cursor, columns: number): void {
  let left = columns - cursor.spare;
  cursor.spare = Math.max(0, -left);
  while (left > 0 && cursor.at < cursor.to) {
    const code = cursor.text.charCodeAt(cursor.at);
    if (!isSpace(code)) return;
    cursor.at++;
    left -= code === 9 ? 4 : 1;
  }
  cursor.spare = Math.max(0, -left);
}

/** Space, tab, carriage return. */
function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13;
}
