import { ALL_DOMAINS } from "#core/scope.ts";
import type { Leases } from "#store/lease.ts";
import type { Collections, DayRow, DistinctRow, IntentRow, TurnRow } from "./collections.ts";
import { type Affected, dayKey, type Intents, NOTHING } from "./intents.ts";
import { holds, ignoreDuplicate, nextOrder } from "./records.ts";
import { retryWhileRaced } from "./retry.ts";

/** A write takes some milliseconds, and no connection waits that long for one: who noted it before is dead. */
const DEAD_AFTER_MS = 60_000;
const NOTES_AT_ONCE = 1000;
/** So many notes of this process are settled together: it costs about as much as settling one. */
const SETTLE_EVERY = 64;
const LEASE = "settle";
/** Of a process that was killed while it settled: until then only those who wait for the figures settle. */
const LEASE_MS = 30_000;

export interface Settling {
  /** Brings everything up to date that was written before the call. */
  settle(): Promise<void>;
  /** To be called after a noted write: settles now and then unless another process does, and nobody waits for it. */
  count(): void;
  /** Resolves when nothing is being settled. */
  rest(): Promise<void>;
  /** Works out these figures anew. */
  recompute(affected: Affected): Promise<void>;
}

/** What else a writer who died may have left undone; to be done before its note is dropped. */
export interface LeftUndone {
  raiseRevision(): Promise<void>;
  eraseAgain(turns: readonly string[]): Promise<void>;
}

type Read<R> = Pick<R, keyof R>;

/**
 * Every figure is written only if nobody wrote it since it was worked out (`rev`), also when it stays the same: whoever looked at an
 * older state of the records is then refused, and looks again.
 */
export function mongoSettling(
  rows: Collections,
  parts: { intents: Intents; leases: Leases; now: () => number; left: LeftUndone },
): Settling {
  const { intents, leases, now, left } = parts;
  const holder = nextOrder();
  const { turnRow, countDay, countDistinct, intent } = rows;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let noted = 0;
  let inTurn: Promise<void> | undefined;

  /** One after the other; who asks while one runs gets the next, which sees all that was written before. */
  function settle(): Promise<void> {
    if (running === undefined) {
      running = settleNow().finally(() => {
        running = undefined;
      });
      return running;
    }
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return settle();
      });
    return next;
  }

  /** Processes that settle at the same time work out the same figures, and all but the first that writes one begin anew. */
  async function settleInTurn(): Promise<void> {
    const lease = await leases.acquire(LEASE, holder, LEASE_MS, now());
    if (lease === undefined) return;
    try {
      await settle();
    } finally {
      await leases.release(lease);
    }
  }

  async function settleNow(): Promise<void> {
    await retryWhileRaced(async () => {
      const notes = await intent.find({}).sort({ _id: 1 }).limit(NOTES_AT_ONCE).lean<IntentRow[]>();
      if (notes.length === 0) return true;
      if (!(await tryAll(merge(notes)))) return undefined;
      const dead = notes.filter(({ is_done, at }) => is_done === 0 && at < now() - DEAD_AFTER_MS);
      if (dead.some(({ settings }) => settings > 0)) await left.raiseRevision();
      const fresh = dead.flatMap((note) => note.fresh);
      if (fresh.length > 0) await left.eraseAgain(fresh);
      await drop(
        notes.filter(({ is_done }) => is_done === 1),
        1,
      );
      await drop(dead, 0);
      return notes.length < NOTES_AT_ONCE ? true : undefined;
    });
  }

  /** As they were seen: a note that its writer ended meanwhile stays. */
  async function drop(notes: readonly IntentRow[], isDone: 0 | 1): Promise<void> {
    if (notes.length > 0) await intent.deleteMany({ _id: { $in: notes.map(({ _id }) => _id) }, is_done: isDone });
  }

  /** False when somebody else wrote one of the figures meanwhile. */
  async function tryAll({ days, distinct, rated }: Affected): Promise<boolean> {
    const moves = await Promise.all(distinct.map(readMove));
    const moved = moves.flatMap(({ row, audience, domain, to }) =>
      row?.day === to || (row === undefined && to === null)
        ? []
        : [row?.day ?? null, to].flatMap((day) => (day === null ? [] : [dayKey(audience, domain, day)])),
    );
    // A move is a write like any other: its days are noted before.
    const own = moved.length === 0 ? undefined : await intents.begin({ ...NOTHING, days: [...new Set(moved)] });
    const isMoved = await all(moves.map(writeMove));
    await own?.end();
    if (!isMoved) return false;
    const isCounted = await all([...new Set([...days, ...moved])].map(countDayAnew));
    const isRated = await all(rated.map(rateAnew));
    if (isCounted) await own?.drop();
    return isCounted && isRated;
  }

  async function readMove(id: string) {
    const [kind, audience, domain, key] = JSON.parse(id) as [DistinctRow["kind"], string, string, string];
    const row = (await countDistinct.findOne({ _id: id }).lean<DistinctRow>()) ?? undefined;
    const ofDomain = domain === ALL_DOMAINS ? {} : { domain };
    const who = kind === "conversation" ? { conversation: key } : { raters: holds(key) };
    const turn = await turnRow
      .findOne({ ...who, audience, status: "complete", ...ofDomain }, { day: 1 })
      .sort({ day: kind === "conversation" ? 1 : -1 })
      .lean<Read<Pick<TurnRow, "day">>>();
    return { id, kind, audience, domain, key, row, to: turn?.day ?? null };
  }

  function writeMove({ id, row, to, ...what }: Awaited<ReturnType<typeof readMove>>): Promise<boolean> {
    const { kind, audience, domain, key } = what;
    return writeFigure(countDistinct, id, row?.rev, { kind, audience, domain, key, day: to });
  }

  async function countDayAnew(id: string): Promise<boolean> {
    const [audience, domain, day] = JSON.parse(id) as [string, string, number];
    const rev = (await countDay.findOne({ _id: id }, { rev: 1 }).lean<Pick<DayRow, "rev">>())?.rev;
    const ofDomain = domain === ALL_DOMAINS ? {} : { domain };
    const [sums] = await turnRow.aggregate<Pick<DayRow, "turns" | "feedback" | "score_sum" | "examples">>([
      { $match: { audience, status: "complete", day, ...ofDomain } },
      {
        $group: {
          _id: null,
          turns: { $sum: 1 },
          feedback: { $sum: "$scores" },
          score_sum: { $sum: "$score_sum" },
          examples: { $sum: "$is_example" },
        },
      },
    ]);
    const { turns = 0, feedback = 0, score_sum = 0, examples = 0 } = sums ?? {};
    const conversations = await countDistinct.countDocuments({ kind: "conversation", audience, domain, day });
    const raters = await countDistinct.countDocuments({ kind: "rater", audience, domain, day });
    const figures = { turns, feedback, score_sum, examples, conversations, raters };
    return writeFigure(countDay, id, rev, { audience, domain, day, ...figures });
  }

  /** Its own feedback, replies served again elsewhere and not disliked there, and answers given anew. */
  async function rateAnew(_id: string): Promise<boolean> {
    const turn = await turnRow
      .findOne({ _id }, { has_feedback: 1, regeneration_of: 1, rated_rev: 1 })
      .lean<Pick<TurnRow, "has_feedback" | "regeneration_of" | "rated_rev">>();
    if (turn === null) return true;
    const isRated =
      turn.has_feedback === 1 ||
      turn.regeneration_of !== null ||
      (await turnRow.exists({ source: _id, status: "complete", is_disliked: 0, _id: { $ne: _id } })) !== null ||
      (await turnRow.exists({ regeneration_of: _id, status: "complete" })) !== null;
    const written = await turnRow.updateOne(
      { _id, rated_rev: turn.rated_rev },
      { $set: { is_rated: isRated ? 1 : 0 }, $inc: { rated_rev: 1 } },
    );
    return written.matchedCount === 1;
  }

  return {
    settle,
    count() {
      noted += 1;
      if (noted % SETTLE_EVERY !== 0) return;
      // What fails here stays noted, and fails again where somebody waits for it.
      inTurn ??= settleInTurn()
        .catch(() => undefined)
        .finally(() => {
          inTurn = undefined;
        });
    },
    async rest() {
      await inTurn;
      while (running !== undefined) await (next ?? running).catch(() => undefined);
    },
    recompute: (affected) => retryWhileRaced(async () => ((await tryAll(affected)) ? true : undefined)).then(() => {}),
  };
}

/** Never deleted: who worked it out when it was not there yet could not tell that it came and went. */
async function writeFigure(
  figures: Collections["countDay"] | Collections["countDistinct"],
  _id: string,
  rev: number | undefined,
  values: object,
): Promise<boolean> {
  const model = figures as Collections["countDay"];
  if (rev === undefined) return (await ignoreDuplicate(model.create({ _id, rev: 1, ...values }))) !== undefined;
  const written = await model.updateOne({ _id, rev }, { $set: values, $inc: { rev: 1 } });
  return written.matchedCount === 1;
}

async function all(writes: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(writes)).every(Boolean);
}

function merge(notes: readonly IntentRow[]): Affected {
  const of = (field: "days" | "distinct" | "rated") => [...new Set(notes.flatMap((note) => note[field]))];
  return { ...NOTHING, days: of("days"), distinct: of("distinct"), rated: of("rated") };
}
