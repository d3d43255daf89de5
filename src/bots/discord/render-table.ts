import type { AlignType, Table, TableCell } from "mdast";

/** A table as lines of a code block, its columns aligned: Discord shows no tables. */
export function quoteTable(table: Table, plain: (cell: TableCell) => string): string[] {
  const rows = table.children.map((row) => row.children.map((cell) => plain(cell).replaceAll("```", "'''").trim()));
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(3, ...rows.map((row) => widthOf(row[column] ?? ""))),
  );
  const lines = rows.map((row) =>
    widths
      .map((width, column) => pad(row[column] ?? "", width, table.align?.[column]))
      .join(" | ")
      .trimEnd(),
  );
  const [head = "", ...body] = lines;
  return ["```", head, widths.map((width) => "-".repeat(width)).join("-|-"), ...body, "```"];
}

function pad(text: string, width: number, align: AlignType | undefined): string {
  const missing = width - widthOf(text);
  if (align === "right") return " ".repeat(missing) + text;
  const left = align === "center" ? Math.floor(missing / 2) : 0;
  return " ".repeat(left) + text + " ".repeat(missing - left);
}

/** Columns in a fixed-width font: wide scripts and emoji take two, marks on a letter none. */
function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (/^[\p{Cc}\p{Cf}\p{M}]+$/u.test(segment)) continue;
    width += /^[\p{Emoji_Presentation}ᄀ-ᅟ⺀-〿぀-ꓐ가-힣豈-﫿︰-﹏＀-｠￠-￦]|\p{Extended_Pictographic}️/u.test(segment)
      ? 2
      : 1;
  }
  return width;
}
