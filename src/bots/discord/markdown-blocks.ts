const FENCE = /^((?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*)(`{3,}|~{3,})(.*)$/u;
const OPEN_HTML = /^ {0,3}<(?:!|\?|pre|script|style|textarea)/iu;
const DEFINITION = /^ {0,3}\[[^\]\n]+\]:[ \t]*\S.*$/gmu;

/** Cuts Markdown where parsing it in pieces gives the same: before a line that begins a block after an empty line. */
export function splitBlocks(markdown: string): readonly string[] {
  const blocks: string[] = [];
  let begin = 0;
  let at = 0;
  let fence: Fence | undefined;
  let isAfterEmpty = false;
  while (at < markdown.length) {
    const next = markdown.indexOf("\n", at);
    const end = next === -1 ? markdown.length : next + 1;
    const line = markdown.slice(at, end).trimEnd();
    // Such HTML may go on over empty lines.
    if (OPEN_HTML.test(line) && fence === undefined) break;
    if (isAfterEmpty && fence === undefined && /^\S/u.test(line) && at > begin) {
      blocks.push(markdown.slice(begin, at));
      begin = at;
    }
    fence = fenceAfter(fence, line);
    isAfterEmpty = line.replace(/^[ \t>]+/u, "") === "" && !line.includes(">");
    at = end;
  }
  if (begin < markdown.length) blocks.push(markdown.slice(begin));
  return blocks;
}

/** The lines that say what `[text][name]` and `[^name]` mean, wherever they stand. */
export function findDefinitions(markdown: string): string {
  return markdown.includes("]:") ? (markdown.match(DEFINITION) ?? []).join("\n\n") : "";
}

interface Fence {
  readonly prefix: string;
  readonly mark: string;
}

function fenceAfter(open: Fence | undefined, line: string): Fence | undefined {
  const [, prefix, mark, rest] = FENCE.exec(line) ?? [];
  if (prefix === undefined || mark === undefined || rest === undefined) return open;
  if (open === undefined) return mark.startsWith("`") && rest.includes("`") ? undefined : { prefix, mark };
  const isSameBlock = open.prefix.includes(">") ? /^[ \t>]*$/u.test(prefix) : /^[ \t]*$/u.test(prefix);
  const isNear = prefix.length <= open.prefix.length + 3;
  const closes = mark.startsWith(open.mark) && rest.trim() === "" && isSameBlock && isNear;
  return closes ? undefined : open;
}
