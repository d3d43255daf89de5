/** Port: embeddings of questions, kept so that they are computed once. Keyed by turn and embedder: another embedder's are others. */
export interface TurnVectorStore {
  /** Vectors that are known, by turn id. */
  getVectors(embedderDigest: string, turnIds: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
  /** Does nothing when the turn is not stored or was erased. */
  putVector(embedderDigest: string, turnId: string, vector: Float32Array): Promise<void>;
}
