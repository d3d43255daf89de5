/** Port: turns texts into vectors whose cosine tells how close their meanings are. */
export interface Embedder {
  describe(): EmbedderDescription;
  /** One vector of unit length and `dimensions` numbers per text, in the order of `texts`. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<readonly Float32Array[]>;
}

export interface EmbedderDescription {
  readonly id: string;
  /** SHA-256 of weights and tokenizer: vectors of different digests are never compared. */
  readonly digest: string;
  readonly dimensions: number;
  /** ISO 639-1 codes of the languages it was measured on. */
  readonly languages: readonly string[];
}
