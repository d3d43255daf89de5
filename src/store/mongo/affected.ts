import { ALL_DOMAINS } from "#core/scope.ts";
import type { TurnRow } from "./collections.ts";
import { type Affected, dayKey, distinctKey, NOTHING } from "./intents.ts";

export type TurnState = Omit<TurnRow, "rev" | "is_rated" | "rated_rev">;

/**
 * What readiness asks, kept as sums per scope and UTC day of the question. Every turn counts in its domain and in `*`. A conversation
 * counts on the day of its first complete turn in a scope, a rater on the day of the newest turn that they scored: both are then
 * right for any window that ends now.
 */
export function affectedBy(before: TurnState | undefined, after: TurnState): Affected {
  const states = [before, after].flatMap((row) => (row === undefined ? [] : [row]));
  const isCountedAlike = JSON.stringify(contributionOf(before)) === JSON.stringify(contributionOf(after));
  const counted = isCountedAlike ? [] : states.filter(({ status }) => status === "complete");
  const places = counted.flatMap((row) => [row.domain, ALL_DOMAINS].map((domain) => ({ row, domain })));
  return {
    ...NOTHING,
    days: unique(places.map(({ row, domain }) => dayKey(row.audience, domain, row.day))),
    distinct: unique(places.flatMap(({ row, domain }) => distinctOf(row, domain))),
    rated: ratedAlike(before, after) ? [] : unique(states.flatMap(linkedTo)),
  };
}

/** A turn and those whose rating it takes part in. */
export function linkedTo({ _id, source, regeneration_of: again }: TurnState): readonly string[] {
  return [_id, source, again].filter((id) => id !== null);
}

function contributionOf(row: TurnState | undefined): unknown {
  if (row?.status !== "complete") return undefined;
  const { conversation, audience, domain, day, scores, score_sum, is_example, raters } = row;
  return [conversation, audience, domain, day, scores, score_sum, is_example, raters];
}

function distinctOf({ audience, conversation, raters }: TurnState, domain: string): readonly string[] {
  const ofRaters = raters.map((user) => distinctKey("rater", audience, domain, user));
  return [distinctKey("conversation", audience, domain, conversation), ...ofRaters];
}

/** Nobody's rating follows from a turn without feedback and links. */
function ratedAlike(before: TurnState | undefined, after: TurnState): boolean {
  const partOf = (row: TurnState | undefined) => {
    if (row === undefined || (row.has_feedback === 0 && row.source === null && row.regeneration_of === null)) return "";
    return JSON.stringify([row.status, row.has_feedback, row.is_disliked, row.source, row.regeneration_of]);
  };
  return partOf(before) === partOf(after);
}

function unique(keys: readonly string[]): readonly string[] {
  return [...new Set(keys)];
}
