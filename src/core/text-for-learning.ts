/** What is wrong with a text before anything is learned from it. */
export type TextFault = "encoding" | "template-markers" | "empty";

export type TextForLearning = { readonly text: string } | { readonly fault: TextFault };

/**
 * Unicode in composed form, `\n` line ends, no control characters, no invisible ones that reorder or hide text. Joiners stay:
 * emoji and several scripts need them. Stricter than what is stored: a broken text is refused here, not mended.
 */
export function textForLearning(raw: string): TextForLearning {
  if (LONE_SURROGATE.test(raw) || raw.includes("\uFFFD") || MOJIBAKE.test(raw)) return { fault: "encoding" };
  const text = raw
    .replace(ANSI_ESCAPE, "")
    .replace(/\r\n?|\u2028|\u2029/gu, "\n")
    .replace(CONTROL, "")
    .replace(INVISIBLE, "")
    .normalize("NFC")
    .replace(/[ \t]+$/gmu, "")
    .replace(/\n{4,}/gu, "\n\n\n")
    .trim();
  if (text === "") return { fault: "empty" };
  return TEMPLATE_MARKER.test(text) ? { fault: "template-markers" } : { text };
}

/** In mode `u` a surrogate that is half of a pair never matches. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/**
 * UTF-8 that was read as Windows-1252: "Ã©", "â€™", "ðŸ˜". Portuguese capitals stand before letters, a no-break space or a closing
 * quotation mark ("«AMANHû"), which are left out.
 */
const MOJIBAKE = /Ã[\u0080-\u009F\u00A1-\u00BA\u00BC-\u00BF]|â€|Â[\u00A1-\u00BA\u00BC-\u00BF]|ï»¿|ðŸ/u;
// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal escapes begin with one
const ANSI_ESCAPE = /\u001B\[[0-9;?]{0,16}[A-Za-z]/gu;
/** All of Unicode's control characters but tab and line feed. */
const CONTROL = /(?![\t\n])\p{Cc}/gu;
/** Zero-width spaces, direction overrides, byte order marks and the tag block, which can smuggle words past a reader. */
const INVISIBLE = /[\u00AD\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF\u{E0000}-\u{E007F}]/gu;
/** Words that end a turn in a chat template: a row that holds them could teach the model to speak as somebody else. */
const TEMPLATE_MARKER = /<\|[a-z_]{2,32}\|>|<\/?(?:start|end)_of_turn>|\[\/?INST\]|<<\/?SYS>>|<｜[^｜>]{2,32}｜>/iu;
