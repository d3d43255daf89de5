import type { DroppedRows } from "#core/learning.ts";

/** Every reason for leaving a turn, a correction or a row out, in the order in which they are asked. */
const WHY = {
  permission: "the workspace does not allow training on its words (learning permission is below adapters)",
  "opted-out": "somebody whose words or scores it rests on has opted out of learning",
  audience: "it was said before another audience than the one that would learn from it",
  "history-gone": "earlier messages of its prompt were deleted or edited, so the prompt cannot be told again",
  image: "it is about an image, which training does not see",
  undecided: "its scores neither like nor dislike the reply",
  "not-endorsed": "the correction is waiting for a second person or an admin to agree with it",
  "cut-reply": "the reply was cut at the length limit, cancelled or failed",
  encoding: "its text is broken (lone surrogates or characters read in the wrong encoding)",
  "template-markers": "it holds control words of a chat template",
  empty: "nothing was left of the question or the reply",
  "too-long": "the question or the reply is longer than dataset.questionMaxChars or dataset.replyMaxChars",
  secret: "most of it was a key, a token or a password",
  duplicate: "the same question with the same reply is there already",
  "near-duplicate": "a nearly equal question with a nearly equal reply is there already",
  superseded: "it was only served again, and people liked or taught another reply to the same question",
  "repeated-reply": "one reply to very many different questions would drown the others",
  "per-person": "one person's rows are limited to dataset.examplesPerUserMax; the newest stay",
} as const;

export type FilterId = keyof typeof WHY;

/** Counts what each filter dropped. */
export class DropTally {
  readonly #rows = new Map<FilterId, number>();

  add(filter: FilterId, rows = 1): void {
    this.#rows.set(filter, (this.#rows.get(filter) ?? 0) + rows);
  }

  /** In the order of the filters; those that dropped nothing are left out. */
  list(): readonly DroppedRows[] {
    return Object.entries(WHY).flatMap(([filter, why]) => {
      const rows = this.#rows.get(filter as FilterId) ?? 0;
      return rows === 0 ? [] : [{ filter, rows, why }];
    });
  }
}
