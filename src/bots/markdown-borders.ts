import { findUnbreakable, type TextRange } from "./markdown-inline.ts";
import type { Line } from "./markdown-lines.ts";

/** A piece of text to be cut once. */
export interface BorderView {
  readonly text: string;
  readonly from: number;
  /** The text is known up to here. */
  readonly to: number;
  /** Those that the piece touches. */
  readonly lines: readonly Line[];
  readonly charsMax: number;
  /** Of the message that a cut there makes, everything around it included. */
  readonly lengthAt: (at: number) => number | undefined;
}

/** Natural places to cut, best first, with the share of a message that must be full for it. */
const PLACES = [
  { place: "block", fillMin: 0.5 },
  { place: "item", fillMin: 0.6 },
  { place: "line", fillMin: 0.6 },
  { place: "sentence", fillMin: 0.7 },
  { place: "word", fillMin: 0.4 },
] as const;
type Place = (typeof PLACES)[number]["place"];

/** Where a message that is too long is best cut: after its begin, before the end of the view. */
export function findBorders(view: BorderView): number {
  const byLine = listLineBorders(view);
  const isBreakable = rememberUnbreakable(view);
  for (const fill of ["natural", "any"] as const) {
    for (const { place, fillMin } of PLACES) {
      const isInLine = place === "sentence" || place === "word";
      const borders = isInLine ? listWordBorders(view, place, fill === "any") : (byLine.get(place) ?? []);
      const lengthMin = view.charsMax * (fill === "natural" ? fillMin : isInLine ? 0.1 : 0);
      const found = lastFitting(view, borders, lengthMin, isBreakable);
      if (found !== undefined) return found;
    }
  }
  const anywhere = listClusterBorders(view);
  return (
    lastFitting(view, anywhere, 0, (at) => isBreakable(at) && !isInMarks(view.text, at)) ??
    lastFitting(view, listWordBorders(view, "word", true), view.charsMax * 0.4, () => true) ??
    lastFitting(view, anywhere, 0, () => true) ??
    afterPoint(view.text, view.from + Math.max(1, Math.floor(view.charsMax / 3)))
  );
}

/** Of ascending borders, the last whose message is long enough and not too long. */
function lastFitting(
  view: BorderView,
  borders: readonly number[],
  lengthMin: number,
  isBreakable: (at: number) => boolean,
): number | undefined {
  for (let index = borders.length - 1; index >= 0; index--) {
    const at = borders[index] ?? 0;
    const length = view.lengthAt(at) ?? 0;
    if (length > view.charsMax) continue;
    if (length < lengthMin || length === 0) return undefined;
    if (isBreakable(at)) return at;
  }
  return undefined;
}

function listLineBorders({ from, lines }: BorderView): ReadonlyMap<Place, readonly number[]> {
  const borders = new Map<Place, number[]>([
    ["block", []],
    ["item", []],
    ["line", []],
    ["word", []],
  ]);
  let previous: Line | undefined;
  let above: Line | undefined;
  let hasCode = false;
  for (const line of lines) {
    const place = previous === undefined || above === undefined ? undefined : placeBefore(line, above, hasCode);
    if (place !== undefined && line.from > from) borders.get(place)?.push(line.from);
    if (line.kind === "fence-open") hasCode = false;
    // A message may begin within code: then there is code above all the same.
    if (line.kind === "fence-line" && line.wordsFrom < line.to) hasCode = line.to > from;
    previous = line;
    if (line.kind !== "blank") above = line;
  }
  return borders;
}

function placeBefore(line: Line, above: Line, hasCode: boolean): Place | undefined {
  switch (line.kind) {
    case "blank":
    case "underline":
    case "table-head":
    case "fence-close":
      return undefined;
    case "fence-line":
      // Never an empty block of code on either side.
      return hasCode && line.wordsFrom < line.to ? "line" : undefined;
    case "table-row":
      return above.kind === "table-head" ? undefined : "line";
    case "continuation":
      return "line";
    default: {
      // What a heading announces stays with it; nor does a line end in what announces a list.
      if (above.kind === "heading" || above.kind === "underline") return undefined;
      if (line.matched === 0)
        return above.after.containers.length > 0 && line.after.containers.length > 0 ? "item" : "block";
      return line.matched === 1 ? "item" : "line";
    }
  }
}

const MARKS_AFTER = "[\\u200E\\u200F\\u061C\\u202C\\u2069]*";
/** White space within a line, with what ends a sentence before it; full stops of languages without spaces. */
const WORD_END = new RegExp(`${MARKS_AFTER}[ \\t\\u3000]+(?=\\S)`, "gu");
const SENTENCE_END = new RegExp(
  `[.!?…:;][\\p{Pe}\\p{Pf}"'*_]*${MARKS_AFTER}[ \\t]+(?=\\S)|[。！？]\\p{Pe}*(?=\\S)`,
  "gu",
);
/** What would become a list, heading, quote or code at the begin of a message. */
const READS_AS_BLOCK = /^(?:[-+*](?:\s|$)|#{1,6}\s|>|\d{1,9}[.)]\s|`{3}|~{3}|\||=+\s|-{2,})/u;

function listWordBorders(view: BorderView, place: "sentence" | "word", withCode: boolean): readonly number[] {
  const { text, from, to } = view;
  const end = Math.min(to, from + view.charsMax + 200);
  const borders: number[] = [];
  for (const match of text.slice(from, end).matchAll(place === "word" ? WORD_END : SENTENCE_END)) {
    const at = from + match.index + match[0].length;
    if (!READS_AS_BLOCK.test(text.slice(at, at + 12)) && isInWords(view, at, withCode)) borders.push(at);
  }
  return borders;
}

/** Neither in the marks before a line's words, nor in a line that is one piece. A line of code that is cut is other code. */
function isInWords({ lines }: BorderView, at: number, withCode: boolean): boolean {
  const line = lines[indexOfLine(lines, at)];
  if (line === undefined || at <= line.wordsFrom || line.kind === "fence-open" || line.kind === "table-head")
    return false;
  return withCode || (line.kind !== "fence-line" && line.kind !== "indented");
}

/** Where one may cut when there is no space in reach: between words by dictionary, or between what people see as one character. */
function listClusterBorders(view: BorderView): readonly number[] {
  const { text, from, to } = view;
  const highest = Math.min(to - 1, from + view.charsMax);
  // A place between two ASCII characters is a border for certain.
  let base = Math.max(from, highest - 300 - Math.floor(view.charsMax / 2));
  while (base > from && !/^[!-~]{2}$/u.test(text.slice(base - 1, base + 1))) base--;
  const borders: number[] = [];
  for (const { index } of GRAPHEMES.segment(text.slice(base, Math.min(to, highest + 100)))) {
    const at = base + index;
    if (at > from && at <= highest && !/[\s\u200E\u200F\u061C\u202C\u2069]/u.test(text.charAt(at))) borders.push(at);
  }
  return borders;
}

const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Between two of the same mark: "``", "**". */
function isInMarks(text: string, at: number): boolean {
  return /[`*_~|[\]()\\&]/u.test(text.charAt(at - 1)) || /[`*_~|[\]()]/u.test(text.charAt(at));
}

/** At least one whole code point further than `at`, or `at` where that is between two. */
function afterPoint(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc_00 && code <= 0xdf_ff ? at + 1 : at;
}

/** How far around a border is looked for what must stay whole, in characters. Parsing costs about 5 µs each. */
const LOOK_BACK = 1500;
const LOOK_AHEAD = 700;

function rememberUnbreakable(view: BorderView): (at: number) => boolean {
  const known = new Map<number, { readonly from: number; readonly ranges: readonly TextRange[] }>();
  return (at) => {
    const index = indexOfLine(view.lines, at);
    const line = view.lines[index];
    if (line === undefined || line.kind.startsWith("fence") || line.kind === "indented") return true;
    if (at === line.from && line.kind !== "continuation") return true;
    const { from, to } = paragraphAround(view, index, at);
    const found = known.get(from) ?? { from, ranges: findUnbreakable(view.text.slice(from, to)) };
    known.set(from, found);
    const place = at - found.from;
    return !found.ranges.some((range) => range.from < place && place < range.to);
  };
}

/** The lines that one paragraph or table spans, as far as is looked. */
function paragraphAround(view: BorderView, index: number, at: number): TextRange {
  const { lines } = view;
  let first = index;
  while (first > 0 && isGoingOn(lines[first]) && at - (lines[first - 1]?.from ?? 0) < LOOK_BACK) first--;
  let last = index;
  while (isGoingOn(lines[last + 1]) && (lines[last]?.to ?? 0) - at < LOOK_AHEAD) last++;
  const from = Math.max(lines[first]?.from ?? 0, view.from, view.text.lastIndexOf(" ", at - LOOK_BACK) + 1);
  return { from, to: Math.min(lines[last]?.to ?? 0, at + LOOK_AHEAD) };
}

function isGoingOn(line: Line | undefined): boolean {
  return line?.kind === "continuation" || line?.kind === "table-row" || line?.kind === "table-head";
}

function indexOfLine(lines: readonly Line[], at: number): number {
  let low = 0;
  let high = lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((lines[middle]?.from ?? 0) <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}
