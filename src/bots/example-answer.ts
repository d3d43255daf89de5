import { type Feedback, isLiked } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import { type Consent, heard, isEndorsed, refusalOf } from "#trainer/dataset-consent.ts";

/** Longer texts are no examples: they would fill the prompt and tell little by being alike. */
const EXAMPLE_MAX_CHARS = 4000;

/**
 * What the turn teaches by example: an endorsed correction before a liked reply. Undefined when nobody spoke for it, when somebody
 * concerned opted out, and for a question that leans on earlier ones: without them it means something else.
 */
export function exampleAnswerOf(
  turn: Turn,
  inputs: readonly Turn[],
  feedback: readonly Feedback[],
  consent: Consent,
): string | undefined {
  if (turn.status !== "complete" || !isAlone(turn)) return undefined;
  if (refusalOf({ turn, inputs, feedback, servedAgain: 0 }, consent) !== undefined) return undefined;
  const opinions = heard(feedback, consent.optedOut);
  const [correction] = opinions
    .filter((item) => item.correction !== undefined && isEndorsed(turn, item))
    .sort((a, b) => b.correctionAtMs - a.correctionAtMs || (a.userId < b.userId ? -1 : 1));
  const answer = correction?.correction ?? (isLiked(opinions) && isWhole(turn) ? turn.reply : undefined);
  if (answer === undefined || answer === "" || turn.question.length + answer.length > EXAMPLE_MAX_CHARS)
    return undefined;
  return answer;
}

function isAlone({ inputTurnIds, provenance: { exampleTurnIds = [], turnsCut } }: Turn): boolean {
  return turnsCut === 0 && inputTurnIds.every((id) => exampleTurnIds.includes(id));
}

function isWhole({ provenance: { endedBy } }: Turn): boolean {
  return endedBy === "stop" || endedBy === "cache";
}
