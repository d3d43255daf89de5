/** Stands inside what would ping; nobody sees it (word joiner). */
const BREAK = "\u2060";

/**
 * Slack shows standard Markdown, so the text stays as it is but for what would ping: `<!channel>`, `<@U123>`, `@here`. A
 * break goes behind a character that stays in the text when it grows, so that what was rendered is always the beginning of
 * what is rendered next: a stream can only be appended to.
 */
export function renderMarkdown(markdown: string): string {
  return markdown
    .replace(/@(?:channe(?=l)|her(?=e)|everyon(?=e))/gi, `$&${BREAK}`)
    .replace(/[<;]!(?:channe(?=l)|her(?=e)|everyon(?=e)|subtea(?=m))/gi, `$&${BREAK}`)
    .replace(/[<;]@[UWB](?=[A-Z0-9])/gi, `$&${BREAK}`);
}

const FALLBACK_CHARS_MAX = 3000;

/** The text for notifications and screen readers, where Slack's own markup is read: everything that could be markup is escaped. */
export function fallbackText(rendered: string): string {
  const short = cutAt(rendered, FALLBACK_CHARS_MAX);
  return short.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** At most `charsMax` characters; no character of two units is cut in half. */
export function cutAt(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text;
  const isHalf = /[\uD800-\uDBFF]/.test(text.charAt(charsMax - 1));
  return text.slice(0, isHalf ? charsMax - 1 : charsMax);
}
