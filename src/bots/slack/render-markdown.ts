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
    .replace(/[<;]@[UWB](?=[A-Z0-9])/gi, `$&${BREAK}`)
    .replace(/[<;]\\(?=[!@])/g, `$&${BREAK}`)
    .replace(ESCAPED, (entity) => (isOfPing(entity) ? `${entity}${BREAK}` : entity));
}

/** Entities but for their end. Slack does not say what it reads first, its own marks or Markdown's escapes. */
const ESCAPED = /&(?:#x[\da-f]{1,6}|#\d{1,7}|commat|excl|Hat)(?=;)/gi;

function isOfPing(entity: string): boolean {
  const [, hexadecimal, decimal] = /^&#(?:x([\da-f]+)|(\d+))$/i.exec(entity) ?? [];
  if (hexadecimal === undefined && decimal === undefined) return true;
  const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
  return code < 128 && /[\w<!@^]/.test(String.fromCharCode(code));
}

/**
 * Whether Slack could make a link of something here. What is posted says that no link is to be fetched for a preview; a stream
 * cannot say so, and a model that was talked into it would tell secrets in an address.
 */
export function hasLink(rendered: string): boolean {
  return /[a-z][\w+.-]*:\/\/|\bwww\.|\]\(|(?:[\w-]+\.)+[a-z]{2,}[/?:#]|(?:[\w-]+\.){2,}[a-z]{2,}/i.test(rendered);
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
