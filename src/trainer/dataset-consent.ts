import { type Feedback, isExample } from "#core/feedback.ts";
import { type LearningLevel, learningLevelOf } from "#core/people.ts";
import { ALL_DOMAINS, audienceOf, type LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { RatedTurn } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { FilterId } from "./dataset-filters.ts";

export async function mayTrain(people: PeopleStore, workspaceId: string): Promise<boolean> {
  return (await readLearningLevel(people, workspaceId)) === "adapters";
}

export async function readLearningLevel(
  people: Pick<PeopleStore, "getPermission">,
  workspaceId: string,
): Promise<LearningLevel> {
  return learningLevelOf(await people.getPermission(workspaceId), workspaceId);
}

/** Whose no was said, and who asked each turn so far: a reply served again rests on another turn's question. */
export interface Consent {
  readonly scope: LearningScope;
  readonly optedOut: ReadonlySet<string>;
  readonly askers: ReadonlyMap<string, string>;
}

/** Why nothing may be learned from this turn, whatever people thought of its reply; undefined when it may. */
export function refusalOf({ turn, inputs, feedback }: RatedTurn, consent: Consent): FilterId | undefined {
  const { scope, optedOut } = consent;
  const spoken = [turn, ...inputs];
  if (turn.domain.domain !== scope.domain && scope.domain !== ALL_DOMAINS) return "audience";
  if (!spoken.every((each) => isHeardBy(each, scope))) return "audience";
  if (spoken.some((each) => optedOut.has(each.askerId)) || restsOnUnknown(spoken, consent)) return "opted-out";
  if (inputs.length !== turn.inputTurnIds.length || inputs.some(isGone)) return "history-gone";
  if (spoken.some(({ provenance }) => provenance.images !== undefined)) return "image";
  return isExample(feedback) && !isExample(heard(feedback, optedOut)) ? "opted-out" : undefined;
}

/** Scores and corrections of people who take part in learning. */
export function heard(feedback: readonly Feedback[], optedOut: ReadonlySet<string>): readonly Feedback[] {
  return feedback.filter((item) => !optedOut.has(item.userId));
}

/** Somebody else or an admin agreed with the correction; on the local platform one person is everybody. */
export function isEndorsed(turn: Turn, { endorsedBy }: Feedback): boolean {
  return turn.platform === "local" || endorsedBy.length > 0;
}

function isHeardBy(turn: Turn, scope: LearningScope): boolean {
  return (
    turn.workspaceId === scope.workspaceId &&
    turn.audience === scope.audience &&
    audienceOf(turn.visibility, turn.channelId) === turn.audience
  );
}

/**
 * A reply served from the cache was written for somebody else's question, and examples were others' words. Where anybody has
 * opted out, a source that cannot be seen (older than the window) counts as theirs.
 */
function restsOnUnknown(turns: readonly Turn[], { optedOut, askers }: Consent): boolean {
  if (optedOut.size === 0) return false;
  const seen = new Map(turns.map(({ id, askerId }) => [id, askerId]));
  return turns.some(({ provenance: { cache, exampleTurnIds = [] } }) => {
    const sources = cache.sourceTurnId === undefined ? exampleTurnIds : [cache.sourceTurnId, ...exampleTurnIds];
    return sources.some((id) => {
      const asker = seen.get(id) ?? askers.get(id);
      return asker === undefined || optedOut.has(asker);
    });
  });
}

function isGone(turn: Turn): boolean {
  return turn.status === "deleted" || turn.status === "superseded" || turn.question === "";
}
