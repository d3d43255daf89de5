/** Port: a model that says whether a text may be shown. */
export interface Moderator {
  /** Rejects with InferenceUnavailableError when no judgement could be had, with the signal's reason when that aborts. */
  judge(text: string, signal: AbortSignal): Promise<Judgement>;
}

export interface Judgement {
  readonly isFlagged: boolean;
  /** What was found, in the model's own words: "violence". Sorted. */
  readonly categories: readonly string[];
}
