import { type FoldedText, foldText, isSpaceless, WORDS } from "./moderate-fold.ts";

/**
 * Replaces blocked words by asterisks: whole words only, whatever their case, accents and invisible characters; in scripts
 * without spaces wherever they stand. The asterisk is one that Markdown does not read (U+2217), one for each character.
 */
export function maskBlockedWords(text: string, words: readonly string[]): string {
  const blocked = compile(words);
  if (blocked.reach === 0) return text;
  const folded = foldText(text);
  let masked = "";
  let from = 0;
  for (const { start, end } of mergeSpans(findSpans(folded, blocked))) {
    const spanFrom = folded.starts[start] ?? text.length;
    masked += text.slice(from, spanFrom) + MASK.repeat(new Set(folded.starts.slice(start, end)).size);
    from = folded.starts[end] ?? text.length;
  }
  return masked + text.slice(from);
}

/**
 * How many characters at the end of a growing text are not to be shown yet, since what comes next may make them a blocked
 * word, or show that they are none. What is masked before them stays as it is.
 */
export function heldBack(text: string, words: readonly string[]): number {
  const blocked = compile(words);
  if (blocked.reach === 0 || text === "") return 0;
  const from = Math.max(0, text.length - blocked.reach);
  const folded = foldText(text.slice(from));
  let held = Math.min(heldPhrase(folded, blocked, from > 0), heldLoose(folded, blocked));
  if (held >= folded.text.length) return 0;
  // A word whose end is held is held as a whole: "bar foo" and "foo bar" in "bar foo b".
  for (const { start, end } of findSpans(folded, blocked).toReversed()) {
    if (start < held && end > held) held = start;
  }
  return text.length - from - (folded.starts[held] ?? 0);
}

const MASK = "\u2217";
/** Between the words of a blocked phrase. */
const GAP = /^[\s\p{Pd}_]{1,8}$/u;

interface Blocked {
  /** Phrases of whole words, by their first word. */
  readonly phrases: ReadonlyMap<string, readonly (readonly string[])[]>;
  readonly wordsMax: number;
  /** What has symbols, or letters of scripts without spaces. */
  readonly loose: readonly string[];
  /** Characters at the end of a text within which an unfinished word must begin; 0 when nothing is blocked. */
  readonly reach: number;
}

/** By the list itself: settings hand out the same list until they change. */
const compiled = new WeakMap<readonly string[], Blocked>();

function compile(words: readonly string[]): Blocked {
  const known = compiled.get(words);
  if (known !== undefined) return known;
  const phrases = new Map<string, (readonly string[])[]>();
  const loose: string[] = [];
  let wordsMax = 0;
  let charsMax = 0;
  for (const word of words) {
    const folded = foldText(word).text.trim().replace(/\s+/gu, " ");
    if (folded === "") continue;
    const parts = folded.split(" ");
    const [first = ""] = parts;
    if (parts.every((part) => part.match(WORDS)?.[0] === part))
      phrases.set(first, [...(phrases.get(first) ?? []), parts]);
    else loose.push(folded);
    wordsMax = Math.max(wordsMax, parts.length);
    charsMax = Math.max(charsMax, folded.length);
  }
  // Four characters for one: accents and invisible ones that folding takes away.
  const blocked = { phrases, wordsMax, loose, reach: charsMax === 0 ? 0 : charsMax * 4 + 32 };
  compiled.set(words, blocked);
  return blocked;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Places in the folded text; they may overlap. */
function findSpans({ text }: FoldedText, { phrases, loose }: Blocked): readonly Span[] {
  const tokens = phrases.size === 0 ? [] : tokensOf(text);
  const spans: Span[] = [];
  tokens.forEach((token, index) => {
    for (const phrase of phrases.get(token.word) ?? []) {
      const last = tokens[index + phrase.length - 1];
      if (last !== undefined && isRun(text, tokens, index, phrase)) spans.push({ start: token.start, end: last.end });
    }
  });
  for (const word of loose) {
    for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
      if (isWhole(text, at, at + word.length)) spans.push({ start: at, end: at + word.length });
    }
  }
  return spans.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

function mergeSpans(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const span of spans) {
    const before = merged.at(-1);
    if (before === undefined || span.start >= before.end) merged.push(span);
    else merged[merged.length - 1] = { start: before.start, end: Math.max(before.end, span.end) };
  }
  return merged;
}

interface Token extends Span {
  readonly word: string;
}

function tokensOf(text: string): readonly Token[] {
  return Array.from(text.matchAll(WORDS), ({ 0: word, index }) => ({ word, start: index, end: index + word.length }));
}

/** Whether the tokens from `index` on are the words of the phrase, with nothing but gaps between them. */
function isRun(text: string, tokens: readonly Token[], index: number, phrase: readonly string[]): boolean {
  return phrase.every((word, offset) => {
    const token = tokens[index + offset];
    const before = tokens[index + offset - 1];
    if (token === undefined || token.word !== word) return false;
    return offset === 0 || (before !== undefined && GAP.test(text.slice(before.end, token.start)));
  });
}

/** An edge that is a letter must be the edge of a word. */
function isWhole(text: string, start: number, end: number): boolean {
  return (
    isEdge(text.slice(Math.max(0, start - 2), start), text.slice(start, end), false) &&
    isEdge(text.slice(start, end), text.slice(end, end + 2), true)
  );
}

function isEdge(before: string, after: string, isEnd: boolean): boolean {
  const inside = isEnd ? before : after;
  const outside = isEnd ? after : before;
  return !isWordChar(edgeChar(inside, isEnd)) || !isWordChar(edgeChar(outside, !isEnd));
}

function edgeChar(text: string, isLast: boolean): string {
  return (isLast ? Array.from(text).at(-1) : Array.from(text).at(0)) ?? "";
}

function isWordChar(char: string): boolean {
  return /^[\p{L}\p{N}]$/u.test(char) && !isSpaceless(char);
}

/** Where an unfinished phrase of whole words begins; the text's length when there is none. */
function heldPhrase({ text }: FoldedText, { phrases, wordsMax }: Blocked, isCut: boolean): number {
  if (phrases.size === 0) return text.length;
  const tokens = tokensOf(text);
  for (let index = Math.max(0, tokens.length - wordsMax); index < tokens.length; index++) {
    const token = tokens[index];
    // The rest of a word that began before what is looked at.
    if (token === undefined || (isCut && token.start === 0)) continue;
    const isLastWord = index === tokens.length - 1 && token.end === text.length;
    const candidates = isLastWord ? startingWith(phrases, token.word) : (phrases.get(token.word) ?? []);
    if (candidates.some((phrase) => mayGrowInto(text, tokens.slice(index), phrase))) return token.start;
  }
  return text.length;
}

function startingWith(phrases: Blocked["phrases"], beginning: string): readonly (readonly string[])[] {
  return [...phrases].flatMap(([first, all]) => (first.startsWith(beginning) ? all : []));
}

function mayGrowInto(text: string, tokens: readonly Token[], phrase: readonly string[]): boolean {
  const last = tokens.at(-1);
  if (last === undefined || tokens.length > phrase.length) return false;
  if (!isRun(text, tokens, 0, [...phrase.slice(0, tokens.length - 1), last.word])) return false;
  const expected = phrase[tokens.length - 1] ?? "";
  if (last.end === text.length) return expected.startsWith(last.word);
  return expected === last.word && tokens.length < phrase.length && GAP.test(text.slice(last.end));
}

function heldLoose({ text }: FoldedText, { loose }: Blocked): number {
  let held = text.length;
  for (const word of loose) {
    for (let chars = Math.min(word.length, text.length); chars > 0; chars--) {
      const at = text.length - chars;
      if (at >= held) break;
      if (!text.endsWith(word.slice(0, chars)) || !isEdge(text.slice(Math.max(0, at - 2), at), word, false)) continue;
      // Whole already, unless its last letter may go on as another word.
      if (chars === word.length && !isWordChar(edgeChar(word, true))) continue;
      held = at;
      break;
    }
  }
  return held;
}
