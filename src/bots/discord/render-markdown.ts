import type { Heading, Link, LinkReference, ListItem, Nodes, Parents, Root, Strong, Text } from "mdast";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import { type Processor, unified } from "unified";
import { splitReply } from "#bots/split-reply.ts";
import { findDefinitions, splitBlocks } from "./markdown-blocks.ts";
import { quoteTable } from "./render-table.ts";

export const MESSAGE_CHARS_MAX = 2000;

/** A block without any of these shows on Discord what it means. */
const MARKS =
  /[|<[~\\]|&\w+;|&#39;|__|`{4}|```\S*[ \t]+\S|^[ \t>]*(?:\+[ \t]|\d+\)|#{4}|#.*#[ \t]*$|-#|[-=*_ \t]{3,}$)|^(?: {4}|\t)|^[=-]+[ \t]*$/mu;
const FENCE = /^((?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*)([`~]{3,})[ \t]*([^\s`]*)[^\n]*/u;
const RULE = "───────────────";
const BLOCKS_KEPT_MAX = 2000;

const shownBlocks = new Map<string, string>();
let processor: Processor<Root> | undefined;

/**
 * Discord's dialect. The text is copied as it is; only what Discord shows otherwise than Markdown means it is written anew: tables,
 * deep headings, images, references, task lists, `__strong__`, unusual fences and bullets. A growing text is rendered again and
 * again, so blocks that were rendered before are remembered.
 */
export function renderMarkdown(markdown: string): string {
  if (!MARKS.test(markdown)) return markdown;
  const definitions = findDefinitions(markdown);
  return splitBlocks(markdown)
    .map((block) => showBlock(block, definitions))
    .join("");
}

function showBlock(block: string, definitions: string): string {
  if (!MARKS.test(block)) return block;
  const source = definitions === "" || !block.includes("[") ? block : `${block}\n\n${definitions}`;
  const known = shownBlocks.get(source);
  if (known !== undefined) return known;
  processor ??= unified().use(remarkParse).use(remarkGfm) as unknown as Processor<Root>;
  const shown = new Rendering(source, processor.parse(source)).text(block.length);
  shownBlocks.set(source, shown);
  for (const oldest of shownBlocks.keys()) {
    if (shownBlocks.size <= BLOCKS_KEPT_MAX) break;
    shownBlocks.delete(oldest);
  }
  return shown;
}

/** A text that stands on its own, as the messages that hold it. */
export function renderMessages(markdown: string): readonly string[] {
  return splitReply(renderMarkdown(markdown), MESSAGE_CHARS_MAX).map(({ shown }) => shown);
}

class Rendering {
  readonly #source: string;
  readonly #root: Root;
  readonly #urls = new Map<string, string>();

  constructor(source: string, root: Root) {
    this.#source = source;
    this.#root = root;
    for (const node of root.children) if (node.type === "definition") this.#urls.set(node.identifier, node.url);
  }

  /** What begins before `to`; behind it stand definitions of the other blocks. */
  text(to: number): string {
    const children = this.#root.children.filter((child) => startOf(child) < to);
    return this.#showChildren({ type: "root", children }, 0, Math.max(to, ...children.slice(-1).map(endOf)));
  }

  #show(node: Nodes): string {
    switch (node.type) {
      case "table":
        return quoteTable(node, (cell) => this.#plain(cell)).join(`\n${this.#continuation(node)}`);
      case "heading":
        return this.#showHeading(node);
      case "code":
        return this.#showCode(node);
      case "image":
        return masked(node.alt ?? "", node.url, node);
      case "imageReference":
        return masked(node.alt ?? "", this.#urls.get(node.identifier) ?? "", node);
      case "link":
        return this.#showLink(node);
      case "linkReference":
        return masked(this.#inside(node), this.#urls.get(node.identifier) ?? "", node);
      case "footnoteReference":
        return `[${node.label ?? node.identifier}]`;
      case "footnoteDefinition":
        return this.#showChildren(node).replace(/^\[\^([^\]]*)\]:/u, "[$1]");
      case "listItem":
        return this.#showItem(node);
      case "strong":
        return this.#showStrong(node);
      case "delete":
        return `~~${this.#inside(node)}~~`;
      case "thematicBreak":
        return RULE;
      case "break":
        return `\n${this.#slice(node).replace(/^[ \t]*\\?\r?\n?/u, "")}`;
      case "text":
        return this.#showText(node);
      default:
        return "children" in node ? this.#showChildren(node) : this.#slice(node);
    }
  }

  #showChildren(node: Parents, from = startOf(node), to = endOf(node)): string {
    let shown = "";
    let at = from;
    for (const child of node.children) {
      shown += this.#source.slice(at, startOf(child)) + this.#show(child);
      at = endOf(child);
    }
    return shown + this.#source.slice(at, to);
  }

  /** The children without the marks around them. */
  #inside(node: Parents): string {
    const first = node.children[0];
    const last = node.children.at(-1);
    return first === undefined || last === undefined ? "" : this.#showChildren(node, startOf(first), endOf(last));
  }

  /** Discord knows three levels, and no underlined headings. */
  #showHeading(node: Heading): string {
    const words = this.#inside(node).replace(/\s*\n[ \t>]*/gu, " ");
    if (words === "") return this.#slice(node);
    if (node.depth <= 3) return `${"#".repeat(node.depth)} ${words}`;
    return `**${words.replaceAll("**", "")}**`;
  }

  /** Only three backticks open code; only the first word behind them is a language. */
  #showCode(node: Nodes & { readonly type: "code" }): string {
    const source = this.#slice(node);
    const open = FENCE.exec(source);
    if (open === null || open[2] === undefined) {
      const lines = ["```", ...unfenced(node.value).split("\n"), "```"];
      return lines.join(`\n${this.#continuation(node)}`);
    }
    const mark = open[2];
    const lines = source.split("\n");
    const close = new RegExp(`^([ \\t>]*)${mark.charAt(0)}{${mark.length},}[ \\t\\r]*$`, "u");
    const isClosed = lines.length > 1 && close.test(lines.at(-1) ?? "");
    const body = lines.slice(1, isClosed ? -1 : undefined).map(unfenced);
    const end = isClosed ? [(lines.at(-1) ?? "").replace(close, "$1```")] : [];
    return [`${open[1]}\`\`\`${open[3]}`, ...body, ...end].join("\n");
  }

  #showLink(node: Link): string {
    const source = this.#slice(node);
    // A bare address, or one in angle brackets.
    if (!source.startsWith("[")) return source;
    return masked(this.#inside(node), node.url, node);
  }

  #showItem(node: ListItem): string {
    const box = node.checked === true ? "☑ " : "☐ ";
    return this.#showChildren(node)
      .replace(/^\+/u, "-")
      .replace(/^(\d+)\)/u, "$1.")
      .replace(/^((?:[-*]|\d+\.)[ \t]+)\[[ xX]\][ \t]+/u, (whole, marker: string) =>
        typeof node.checked === "boolean" ? `${marker}${box}` : whole,
      );
  }

  /** Two underscores underline on Discord. */
  #showStrong(node: Strong): string {
    return this.#slice(node).startsWith("__") ? `**${this.#inside(node)}**` : this.#showChildren(node);
  }

  /** Marks that only Discord knows stand for themselves. */
  #showText(node: Text): string {
    return this.#slice(node)
      .replace(/&(amp|lt|gt|quot|apos|nbsp|#39);/gu, (_, name: string) => ENTITIES.get(name) ?? "")
      .replaceAll("||", "\\|\\|")
      .replace(/^([ \t>]*)-#(?=\s)/gmu, "$1\\-#");
  }

  /** What a reader sees of inline Markdown, on one line. */
  #plain(node: Nodes): string {
    if (node.type === "link" && this.#slice(node).startsWith("[")) return `${this.#plainInside(node)} (${node.url})`;
    if (node.type === "image") return `${node.alt ?? ""} (${node.url})`;
    if ("children" in node) return this.#plainInside(node);
    return "value" in node ? node.value.replace(/\s*\n\s*/gu, " ") : this.#slice(node);
  }

  #plainInside(node: Parents | LinkReference): string {
    return node.children.map((child) => this.#plain(child)).join("");
  }

  /** What stands before a further line of a block: the quotes it is in, and room for the marks of its lists. */
  #continuation(node: Nodes): string {
    const start = startOf(node);
    const before = this.#source.slice(this.#source.lastIndexOf("\n", start - 1) + 1, start);
    return before.replace(/[^>\s]/gu, " ");
  }

  #slice(node: Nodes): string {
    return this.#source.slice(startOf(node), endOf(node));
  }
}

const ENTITIES = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["#39", "'"],
  ["nbsp", "\u00a0"],
]);

/** A masked link; without words the address itself. Angle brackets keep the address whole and its preview away. */
function masked(
  words: string,
  url: string,
  { title }: object & { readonly title?: string | null | undefined },
): string {
  if (url === "") return words;
  const said = typeof title === "string" && title !== "" ? ` "${title.replaceAll('"', "'")}"` : "";
  const address = /^https?:\/\//u.test(url) ? `<${url.replace(/[<>\s]/gu, encodeURIComponent)}>` : url;
  return words.trim() === "" ? address : `[${words}](${address}${said})`;
}

/** A fence within code would end it. */
function unfenced(line: string): string {
  return line.replaceAll("```", "`\u200b`\u200b`");
}

function startOf(node: Nodes): number {
  return node.position?.start.offset ?? 0;
}

function endOf(node: Nodes): number {
  return node.position?.end.offset ?? 0;
}
