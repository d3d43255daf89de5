import type { Container, Fence, Line, LineState } from "./markdown-lines.ts";

/** What a message needs around a piece of Markdown that was cut out of a longer text, so that it reads as it did there. */
export interface PieceContext {
  readonly prefix: string;
  /** Columns of the first line's indentation that the prefix stands for. */
  readonly indentTaken: number;
}

const NO_CONTEXT: PieceContext = { prefix: "", indentTaken: 0 };
/** Longer information than this is left out where a fence is opened again. */
const INFO_CHARS_MAX = 60;

/** For a piece that begins at the start of `line`; `indent` is the white space that the line begins with, in columns. */
export function contextAtLine(line: Line, text: string, indent: number, charsMax: number): PieceContext {
  const kept = line.before.containers.slice(0, line.matched);
  if (line.before.fence !== undefined && (line.kind === "fence-line" || line.kind === "fence-close")) {
    return { prefix: reopenFence(line.before.containers, line.before.fence), indentTaken: 0 };
  }
  if (line.kind === "table-row") return { prefix: tableHead(line.before, text, charsMax), indentTaken: 0 };
  if (line.kind === "continuation" && line.matched < line.before.containers.length) {
    // The line left its marks out: here it would stand alone.
    return { prefix: marksOf(line.before.containers.filter(isQuote)), indentTaken: indent };
  }
  if (kept.some(isQuote)) return NO_CONTEXT;
  if (line.kind === "continuation") return { prefix: "", indentTaken: indent };
  const width = widthOf(kept);
  if (indent < 4) return NO_CONTEXT;
  if (width >= 2) return { prefix: markersOf(width), indentTaken: width };
  // An indented block: platforms cut off white space at the begin of a message, not behind this mark.
  return { prefix: "\u200b\n\n", indentTaken: 0 };
}

/** For a piece that begins in the middle of `line`. */
export function contextInLine(line: Line): PieceContext {
  const { containers, fence } = line.after;
  if (line.kind === "fence-line" || line.kind === "fence-open") {
    const open = fence ?? line.before.fence;
    if (open === undefined) return NO_CONTEXT;
    return { prefix: reopenFence(containers, open) + restOf(containers), indentTaken: 0 };
  }
  return { prefix: marksOf(containers.filter(isQuote)), indentTaken: 0 };
}

/** What closes a fence that is open behind a piece that ends so. */
export function closeFence(piece: string, containers: readonly Container[], fence: Fence): string {
  return `${piece.endsWith("\n") ? "" : "\n"}${restOf(containers)}${" ".repeat(fence.indent)}${fence.mark}`;
}

function reopenFence(containers: readonly Container[], { mark, info, indent }: Fence): string {
  const opening = `${mark}${info.length > INFO_CHARS_MAX ? "" : info}\n`;
  const width = widthOf(containers);
  if (indent === 0 || width + indent < 4 || containers.some(isQuote)) {
    return `${marksOf(containers)}${" ".repeat(indent)}${opening}`;
  }
  // Behind a marker, a fence that is further in than its item would move the border that the lines of code must keep to: it
  // stands below the marker.
  const markers = `${" ".repeat(width % 2)}${"- ".repeat(Math.floor(width / 2) - 1)}-`;
  return `${markers}\n${" ".repeat(width + indent)}${opening}`;
}

function tableHead({ table, containers }: LineState, text: string, charsMax: number): string {
  if (table?.headEnd === undefined || containers.some((container) => container.kind === "item")) return "";
  return table.headEnd - table.from > charsMax / 4 ? "" : `${text.slice(table.from, table.headEnd)}\n`;
}

/** Before the first line. Up to three columns are harmless space; more would make code of it, so a marker stands for them. */
function marksOf(containers: readonly Container[]): string {
  let marks = "";
  let width = 0;
  const items = () => {
    const passed = width < 4 ? " ".repeat(width) : markersOf(width);
    width = 0;
    return passed;
  };
  for (const container of containers) {
    if (container.kind === "item") width += container.width;
    else marks += `${items()}> `;
  }
  return marks + items();
}

/** Before the lines after that. */
function restOf(containers: readonly Container[]): string {
  return containers.map((container) => (container.kind === "quote" ? "> " : " ".repeat(container.width))).join("");
}

/** Markers of lists whose contents begin `width` columns in; each takes two to five. */
function markersOf(width: number): string {
  if (width <= 5) return `-${" ".repeat(width - 1)}`;
  return `- ${markersOf(width - 2)}`;
}

function widthOf(containers: readonly Container[]): number {
  return containers.reduce((sum, container) => sum + (container.kind === "item" ? container.width : 0), 0);
}

function isQuote(container: Container): boolean {
  return container.kind === "quote";
}
