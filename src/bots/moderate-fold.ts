/** A text as words are compared: lower case, no accents, nothing invisible. */
export interface FoldedText {
  readonly text: string;
  /** Per character of `text`: where the character that it came from begins. */
  readonly starts: readonly number[];
}

/** Scripts that put no spaces between words. */
const SPACELESS =
  "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}\\p{sc=Tibetan}";
const SPACELESS_CHAR = new RegExp(`^[${SPACELESS}]$`, "u");

/** Words of scripts with spaces, in a folded text. */
export const WORDS = new RegExp(`(?:(?![${SPACELESS}])[\\p{L}\\p{N}])+`, "gu");

export function isSpaceless(char: string): boolean {
  return SPACELESS_CHAR.test(char);
}

export function foldText(text: string): FoldedText {
  let folded = "";
  const starts: number[] = [];
  let index = 0;
  for (const char of text) {
    const plain = foldChar(char);
    for (let unit = 0; unit < plain.length; unit++) starts.push(index);
    folded += plain;
    index += char.length;
  }
  return { text: folded, starts };
}

/** Of characters beyond ASCII; bounded by how many there are. */
const foldedChars = new Map<string, string>();

function foldChar(char: string): string {
  const code = char.charCodeAt(0);
  if (code < 128) return code >= 65 && code <= 90 ? String.fromCharCode(code + 32) : char;
  const known = foldedChars.get(char);
  if (known !== undefined) return known;
  // By way of upper case, so that "ß" meets "SS" and the two sigmas meet.
  const folded = char
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}]/gu, "")
    .toUpperCase()
    .toLowerCase();
  foldedChars.set(char, folded);
  return folded;
}
