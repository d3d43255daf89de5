import { SCORE_LIKED_MIN } from "#core/feedback.ts";
import { normaliseText } from "#core/text-similarity.ts";
import type { DropTally } from "./dataset-filters.ts";
import type { NearTexts } from "./dataset-near.ts";
import type { DatasetRow, DatasetSettings } from "./dataset-row.ts";
import type { Sample } from "./dataset-samples.ts";

/** A row before it is known on which side of the split it goes. */
export interface Candidate {
  readonly sample: Sample;
  readonly kind: DatasetRow["kind"];
  readonly target: string;
  readonly weight: number;
  /** Whoever says that this is a good reply: the limit per person counts on them. Empty when it was only served again. */
  readonly teacherIds: readonly string[];
  /** Normalised. */
  readonly questionKey: string;
  readonly targetKey: string;
}

/** A correction outranks the reply it mends; undefined when nobody spoke for the reply. */
export function candidateOf(sample: Sample, settings: DatasetSettings): Candidate | undefined {
  const { correction, reply, opinion, scoreMean = 0 } = sample;
  const make = (kind: Candidate["kind"], target: string, weight: number, teacherIds: readonly string[]): Candidate => {
    return {
      sample,
      kind,
      target,
      weight,
      teacherIds,
      questionKey: normaliseText(sample.question),
      targetKey: normaliseText(target),
    };
  };
  if (correction !== undefined) return make("corrected", correction.text, 1, [correction.authorId]);
  if (reply === undefined || opinion === "disliked") return undefined;
  if (opinion === "liked") return make("liked", reply, weightOfLiking(scoreMean), sample.likerIds);
  return sample.servedAgain > 0 ? make("served-again", reply, settings.servedAgainWeight, []) : undefined;
}

/** 0.8 at 4 to 1 at 5: the scale's own distance, so that "good" teaches nearly as much as "loved". */
function weightOfLiking(scoreMean: number): number {
  return Math.round((0.8 + 0.2 * (scoreMean - SCORE_LIKED_MIN)) * 1000) / 1000;
}

const KIND_RANK = { corrected: 0, liked: 1, "served-again": 2 } as const;

/** Corrections before liked replies before served ones, each newest first: whatever is dropped as a copy is the lesser one. */
export function byWorth(a: Candidate, b: Candidate): number {
  return (
    KIND_RANK[a.kind] - KIND_RANK[b.kind] ||
    b.sample.askedAtMs - a.sample.askedAtMs ||
    (a.sample.turnId < b.sample.turnId ? -1 : 1)
  );
}

export interface NearKeys {
  readonly questions: NearTexts;
  readonly targets: NearTexts;
}

/** Expects candidates by worth. Near duplicates are alike in question and in reply: one question with two replies is two rows. */
export function dropDuplicates(
  candidates: readonly Candidate[],
  near: NearKeys,
  tally: DropTally,
): readonly Candidate[] {
  const kept = new Map<string, Set<string>>();
  return candidates.filter(({ kind, questionKey, targetKey }) => {
    if (kept.get(questionKey)?.has(targetKey) === true) {
      tally.add("duplicate");
      return false;
    }
    const targets = near.targets.get(targetKey) ?? NONE;
    const questions = [questionKey, ...(near.questions.get(questionKey) ?? NONE)];
    if (questions.some((question) => meets(kept.get(question) ?? NONE, targets, targetKey))) {
      tally.add("near-duplicate");
      return false;
    }
    // Nobody's silence outweighs somebody's word about what to answer.
    if (kind === "served-again" && questions.some((question) => kept.has(question))) {
      tally.add("superseded");
      return false;
    }
    kept.set(questionKey, (kept.get(questionKey) ?? new Set()).add(targetKey));
    return true;
  });
}

const NONE: ReadonlySet<string> = new Set();

/** Looks through the smaller set: a thousand replies to "hi" would otherwise be compared with a thousand. */
function meets(kept: ReadonlySet<string>, near: ReadonlySet<string>, itself: string): boolean {
  if (kept.has(itself)) return true;
  const [small, large] = kept.size < near.size ? [kept, near] : [near, kept];
  for (const text of small) if (large.has(text)) return true;
  return false;
}

/** The replies whose questions have an equal or near one: only among them can there be near copies. */
export function targetsToCompare(candidates: readonly Candidate[], questions: NearTexts): readonly string[] {
  const asked = new Map<string, number>();
  for (const { questionKey } of candidates) asked.set(questionKey, (asked.get(questionKey) ?? 0) + 1);
  return candidates
    .filter(({ questionKey }) => (asked.get(questionKey) ?? 0) > 1 || questions.has(questionKey))
    .map(({ targetKey }) => targetKey);
}

/** One reply to this many different questions is still a fact asked in many ways. */
const REPEATS_MIN = 10;
const REPEATS_RATIO = 0.05;

/** A light guard against poisoning: the same reply to very many questions is an advertisement, or an evasion. */
export function dropRepeatedReplies(candidates: readonly Candidate[], tally: DropTally): readonly Candidate[] {
  const most = Math.max(REPEATS_MIN, Math.ceil(candidates.length * REPEATS_RATIO));
  const counts = new Map<string, number>();
  return candidates.filter(({ targetKey }) => {
    const count = (counts.get(targetKey) ?? 0) + 1;
    counts.set(targetKey, count);
    if (count > most) tally.add("repeated-reply");
    return count <= most;
  });
}

/** A person's rows are those they asked for and those they spoke for; several fans share a row, and the one with room keeps it. */
export function capPerPerson(candidates: readonly Candidate[], most: number, tally: DropTally): readonly Candidate[] {
  const asked = new Map<string, number>();
  const taught = new Map<string, number>();
  return candidates.filter(({ sample, teacherIds }) => {
    const askedBefore = asked.get(sample.askerId) ?? 0;
    const teacher = [...teacherIds].sort((a, b) => (taught.get(a) ?? 0) - (taught.get(b) ?? 0))[0];
    const taughtBefore = teacher === undefined ? 0 : (taught.get(teacher) ?? 0);
    if (askedBefore >= most || taughtBefore >= most) {
      tally.add("per-person");
      return false;
    }
    asked.set(sample.askerId, askedBefore + 1);
    if (teacher !== undefined) taught.set(teacher, taughtBefore + 1);
    return true;
  });
}
