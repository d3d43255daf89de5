import { ALL_DOMAINS } from "#core/scope.ts";
import type { Collections, DayRow, DistinctRow, TurnRow } from "./collections.ts";
import { type Figures, writeFigures } from "./figures.ts";
import { dayKey, distinctKey, NOTHING } from "./intents.ts";
import type { Settling } from "./settle.ts";

const WRITES_AT_ONCE = 500;

type Counted = Pick<
  TurnRow,
  | "_id"
  | "conversation"
  | "audience"
  | "domain"
  | "day"
  | "scores"
  | "score_sum"
  | "raters"
  | "is_example"
  | "is_disliked"
  | "has_feedback"
  | "source"
  | "regeneration_of"
  | "is_rated"
  | "rated_rev"
>;
type Sums = Omit<DayRow, "_id" | "rev" | "audience" | "domain" | "day">;
const FIELDS = { conversation: 1, audience: 1, domain: 1, day: 1, scores: 1, score_sum: 1, raters: 1, is_example: 1 };
const LINKS = { status: 1, is_disliked: 1, has_feedback: 1, source: 1, regeneration_of: 1, is_rated: 1, rated_rev: 1 };

/**
 * Every figure anew, in one walk over the turns. What somebody else wrote meanwhile is left to the slow way, one by one: `rev` is
 * read before the walk.
 */
export async function rebuildFigures(rows: Collections, settling: Settling): Promise<void> {
  const { countDay, countDistinct, turnRow } = rows;
  const dayRevs = await readRevs(countDay);
  const distinctRevs = await readRevs(countDistinct);
  const days = new Map<string, Sums>();
  const distinct = new Map<string, number>();
  const served = new Set<string>();
  const regenerated = new Set<string>();
  for await (const turn of turnRow
    .find({ status: "complete" }, { ...FIELDS, ...LINKS })
    .lean<Counted[]>()
    .cursor()) {
    for (const domain of [turn.domain, ALL_DOMAINS]) addTurn(days, distinct, turn, domain);
    if (turn.source !== null && turn.source !== turn._id && turn.is_disliked === 0) served.add(turn.source);
    if (turn.regeneration_of !== null) regenerated.add(turn.regeneration_of);
  }
  for (const [id, day] of distinct) addDistinct(days, id, day);

  await writeAll(
    countDistinct,
    distinctRevs,
    (id) => ({ ...partsOfDistinct(id), day: distinct.get(id) ?? null }),
    distinct.keys(),
    (ids) => settling.recompute({ ...NOTHING, distinct: ids }),
  );
  await writeAll(
    countDay,
    dayRevs,
    (id) => ({ ...partsOfDay(id), ...(days.get(id) ?? NONE) }),
    days.keys(),
    (ids) => settling.recompute({ ...NOTHING, days: ids }),
  );
  const wrong: string[] = [];
  for await (const turn of turnRow.find({}, LINKS).lean<Counted[]>().cursor()) {
    const { _id, has_feedback, regeneration_of } = turn;
    const isRated = has_feedback === 1 || regeneration_of !== null || served.has(_id) || regenerated.has(_id);
    if (isRated !== (turn.is_rated === 1)) wrong.push(_id);
  }
  for (let at = 0; at < wrong.length; at += WRITES_AT_ONCE) {
    await settling.recompute({ ...NOTHING, rated: wrong.slice(at, at + WRITES_AT_ONCE) });
  }
}

const NONE: Sums = { conversations: 0, turns: 0, feedback: 0, score_sum: 0, examples: 0, raters: 0 };

function addTurn(days: Map<string, Sums>, distinct: Map<string, number>, turn: Counted, domain: string): void {
  const { audience, day } = turn;
  const id = dayKey(audience, domain, day);
  const sums = days.get(id) ?? NONE;
  days.set(id, {
    ...sums,
    turns: sums.turns + 1,
    feedback: sums.feedback + turn.scores,
    score_sum: sums.score_sum + turn.score_sum,
    examples: sums.examples + turn.is_example,
  });
  const conversation = distinctKey("conversation", audience, domain, turn.conversation);
  distinct.set(conversation, Math.min(distinct.get(conversation) ?? day, day));
  for (const user of turn.raters) {
    const rater = distinctKey("rater", audience, domain, user);
    distinct.set(rater, Math.max(distinct.get(rater) ?? day, day));
  }
}

function addDistinct(days: Map<string, Sums>, distinctId: string, day: number): void {
  const { kind, audience, domain } = partsOfDistinct(distinctId);
  const id = dayKey(audience, domain, day);
  const sums = days.get(id) ?? NONE;
  const field = kind === "conversation" ? "conversations" : "raters";
  days.set(id, { ...sums, [field]: sums[field] + 1 });
}

function partsOfDistinct(id: string): Pick<DistinctRow, "kind" | "audience" | "domain" | "key"> {
  const [kind, audience, domain, key] = JSON.parse(id) as [DistinctRow["kind"], string, string, string];
  return { kind, audience, domain, key };
}

function partsOfDay(id: string): Pick<DayRow, "audience" | "domain" | "day"> {
  const [audience, domain, day] = JSON.parse(id) as [string, string, number];
  return { audience, domain, day };
}

async function readRevs(figures: Figures): Promise<ReadonlyMap<string, number>> {
  const revs = new Map<string, number>();
  const model = figures as Collections["countDay"];
  for await (const row of model.find({}, { rev: 1 }).lean<Pick<DayRow, "_id" | "rev">[]>().cursor()) {
    revs.set(row._id, row.rev);
  }
  return revs;
}

async function writeAll(
  figures: Figures,
  revs: ReadonlyMap<string, number>,
  valuesOf: (id: string) => object,
  found: Iterable<string>,
  writeSlowly: (ids: readonly string[]) => Promise<void>,
): Promise<void> {
  const ids = [...new Set([...revs.keys(), ...found])];
  for (let at = 0; at < ids.length; at += WRITES_AT_ONCE) {
    const page = ids.slice(at, at + WRITES_AT_ONCE);
    const rows = page.map((_id) => ({ _id, rev: revs.get(_id), values: valuesOf(_id) }));
    if (!(await writeFigures(figures, rows))) await writeSlowly(page);
  }
}
