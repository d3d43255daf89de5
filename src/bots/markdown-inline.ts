import type { Nodes } from "mdast";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { unified } from "unified";

export interface TextRange {
  readonly from: number;
  readonly to: number;
}

const UNBREAKABLE = new Set([
  "link",
  "linkReference",
  "image",
  "imageReference",
  "inlineCode",
  "emphasis",
  "strong",
  "delete",
  "html",
  "footnoteReference",
  "tableCell",
]);

/** Text between a bidirectional isolate or embedding and its end. */
const DIRECTED = /[\u2066-\u2068][^\u2069\n]{0,400}\u2069|[\u202A\u202B\u202D\u202E][^\u202C\n]{0,400}\u202C/gu;

/** Where a piece of Markdown must not be cut: links, code, emphasis, cells, text with a direction of its own. In order of their begin. */
export function findUnbreakable(markdown: string): readonly TextRange[] {
  const found: TextRange[] = [];
  collect(PARSER.parse(markdown), found);
  for (const match of markdown.matchAll(DIRECTED)) found.push({ from: match.index, to: match.index + match[0].length });
  return found.sort((a, b) => a.from - b.from);
}

const PARSER = unified().use(remarkParse).use(remarkGfm).freeze();

function collect(node: Nodes, found: TextRange[]): void {
  const from = node.position?.start.offset;
  const to = node.position?.end.offset;
  if (UNBREAKABLE.has(node.type) && from !== undefined && to !== undefined) {
    found.push({ from, to });
    return;
  }
  if ("children" in node) for (const child of node.children) collect(child, found);
}
