/** Strips what no reader can see and no store should keep: control characters (not tab and line feed), halves of surrogate pairs, bidirectional overrides. */
export function cleanText(text: string): string {
  return text
    .replace(/\r\n?/gu, "\n")
    .replace(/(?![\n\t])\p{Cc}|[\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]/gu, "")
    .replace(/\p{Cs}/gu, "\uFFFD")
    .trim();
}

/** Share of characters that text does not have, 0 to 1: what comes from a binary file is full of them. */
export function controlRatio(text: string): number {
  if (text.length === 0) return 0;
  const controls = text.match(/(?![\n\t\r])\p{Cc}|[\uFFFD-\uFFFF]|\p{Cs}/gu);
  return (controls?.length ?? 0) / text.length;
}
