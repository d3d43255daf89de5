/** What ids in a text are called; undefined: not known. */
export interface SlackNames {
  readonly user: (id: string) => string | undefined;
  readonly channel: (id: string) => string | undefined;
}

/**
 * Slack's mrkdwn as Markdown. `<...>` holds mentions and links; `&`, `<` and `>` come escaped; code is left alone. The bot's own
 * mention is taken out.
 */
export function readMrkdwn(mrkdwn: string, botUserId: string, names: SlackNames): string {
  return mrkdwn
    .split(/(```[\s\S]*?```|`[^`\n]+`)/)
    .map((piece, index) => (index % 2 === 1 ? readCode(piece) : readProse(piece, botUserId, names)))
    .join("")
    .trim();
}

/** A text as people type it behind a slash command: escaped, without any style. */
export function readEscaped(text: string, names: SlackNames): string {
  return readProse(text, "", names, (plain) => plain);
}

/** The people and channels that a text names, to look their names up beforehand. */
export function mentionedIds(mrkdwn: string): {
  readonly users: readonly string[];
  readonly channels: readonly string[];
} {
  const users = new Set<string>();
  const channels = new Set<string>();
  for (const [, kind, id] of mrkdwn.matchAll(/<([@#])([A-Z0-9]+)>/g)) {
    if (id !== undefined) (kind === "@" ? users : channels).add(id);
  }
  return { users: [...users], channels: [...channels] };
}

function readCode(code: string): string {
  // Slack turns addresses inside code into links as well.
  const plain = code.replace(
    /<((?:https?|mailto|tel):[^|>\s]+)(?:\|([^>]*))?>/g,
    (_, url: string, label?: string) => label ?? url,
  );
  const text = unescapeEntities(plain);
  // A fence of Markdown stands on its own lines.
  return text.startsWith("```") ? text.replace(/^```\n?/, "\n```\n").replace(/\n?```$/, "\n```\n") : text;
}

function readProse(prose: string, botUserId: string, names: SlackNames, style = readStyle): string {
  return prose
    .split(/(<[^<>\n]+>)/)
    .map((piece, index) =>
      index % 2 === 1 ? readAngle(piece.slice(1, -1), botUserId, names) : style(unescapeEntities(piece)),
    )
    .join("")
    .replace(/^[ \t]*\n/, "");
}

function readAngle(inner: string, botUserId: string, names: SlackNames): string {
  const bar = inner.indexOf("|");
  const target = bar === -1 ? inner : inner.slice(0, bar);
  const label = bar === -1 ? undefined : unescapeEntities(inner.slice(bar + 1));
  const id = target.slice(1);
  if (target.startsWith("@")) return id === botUserId ? "" : `@${label || names.user(id) || id}`;
  if (target.startsWith("#")) return `#${label || names.channel(id) || id}`;
  if (target.startsWith("!date^")) return label ?? "";
  if (target.startsWith("!")) return label ?? `@${id.replace(/^subteam\^/, "")}`;
  const url = unescapeEntities(target);
  if (label === undefined || label === url || url === `mailto:${label}` || url === `tel:${label}`) {
    return label ?? url.replace(/^(mailto|tel):/, "");
  }
  return `[${label.replace(/[[\]]/g, "\\$&")}](${url.replace(/\)/g, "%29")})`;
}

/** `*bold*` and `~struck~` of Slack are `**bold**` and `~~struck~~`; `_italic_` is the same. */
function readStyle(text: string): string {
  return text
    .replace(/(^|[\s(])\*(\S(?:[^*\n]*\S)?)\*(?=$|[\s.,;:!?)])/g, "$1**$2**")
    .replace(/(^|[\s(])~(\S(?:[^~\n]*\S)?)~(?=$|[\s.,;:!?)])/g, "$1~~$2~~")
    .replace(/^([ \t]*)[•◦▪] /gm, "$1- ");
}

function unescapeEntities(text: string): string {
  return text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
}
