const REPLACEMENT = "\u{FFFD}";
/** A character has at most 4 bytes and a token at least one: more tokens without a character are broken bytes. */
const TOKENS_PER_CHARACTER_MAX = 4;

/** Text of `tokens`; `before` are the tokens in front of them, which some tokenizers need to place spaces. */
export type Detokenize<T extends number> = (tokens: readonly T[], before: readonly T[]) => string;

/** Turns tokens into text one by one and holds back bytes that do not yet make a whole character. */
export class TokenTextDecoder<T extends number> {
  readonly #detokenize: Detokenize<T>;
  /** The last tokens whose text is out. */
  #before: readonly T[] = [];
  #pending: T[] = [];
  #emittedLength = 0;
  #tokensWithoutText = 0;

  constructor(detokenize: Detokenize<T>) {
    this.#detokenize = detokenize;
  }

  /** The text that became whole with this token; often empty within an emoji. */
  push(token: T): string {
    this.#pending.push(token);
    const text = this.#detokenize(this.#pending, this.#before);
    const wholeLength = lengthWithoutTail(text);
    const isWhole = wholeLength === text.length;
    this.#tokensWithoutText = wholeLength > this.#emittedLength ? 0 : this.#tokensWithoutText + 1;

    if (isWhole || this.#tokensWithoutText >= TOKENS_PER_CHARACTER_MAX) {
      const fresh = text.slice(this.#emittedLength);
      this.#before = [...this.#before, ...this.#pending].slice(-TOKENS_PER_CHARACTER_MAX);
      this.#pending = [];
      this.#emittedLength = 0;
      this.#tokensWithoutText = 0;
      return fresh;
    }
    const fresh = text.slice(this.#emittedLength, wholeLength);
    this.#emittedLength = wholeLength;
    return fresh;
  }
}

/** Length of the text before the replacement characters at its end: these may still become something else. */
function lengthWithoutTail(text: string): number {
  let length = text.length;
  while (length > 0 && text[length - 1] === REPLACEMENT) length -= 1;
  return length;
}
