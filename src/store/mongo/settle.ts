import { ALL_DOMAINS } from "#core/scope.ts";
import type { Leases } from "#store/lease.ts";
import type { Collections, DayRow, DistinctRow, IntentRow, TurnRow } from "./collections.ts";
import { writeFigures } from "./figures.ts";
import { type Affected, dayKey, distinctKey, type Intents, NOTHING } from "./intents.ts";
import { rateTurns } from "./rate-turns.ts";
import { holds, nextOrder } from "./records.ts";
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

/** What a conversation or a rater counts for, and the day on which it should. */
type Move = Pick<DistinctRow, "kind" | "audience" | "domain" | "key"> & {
  readonly id: string;
  readonly row: DistinctRow | undefined;
  readonly to: number | null;
};

interface FirstDay {
  readonly _id: string;
  readonly day: number;
}

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
    await intents.storeEnds();
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
    const moves = await readMoves(distinct);
    const moved = moves.flatMap(({ row, audience, domain, to }) =>
      row?.day === to || (row === undefined && to === null)
        ? []
        : [row?.day ?? null, to].flatMap((day) => (day === null ? [] : [dayKey(audience, domain, day)])),
    );
    // A move is a write like any other: its days are noted before.
    const own = moved.length === 0 ? undefined : await intents.begin({ ...NOTHING, days: [...new Set(moved)] });
    const isMoved = await writeFigures(
      countDistinct,
      moves.map(({ id, row, to, kind, audience, domain, key }) => ({
        _id: id,
        rev: row?.rev,
        values: { kind, audience, domain, key, day: to },
      })),
    );
    own?.end();
    if (!isMoved) return false;
    const isCounted = await all([...new Set([...days, ...moved])].map(countDayAnew));
    const isRated = await rateTurns(rows, rated);
    if (isCounted) await own?.drop();
    return isCounted && isRated;
  }

  async function readMoves(ids: readonly string[]): Promise<readonly Move[]> {
    if (ids.length === 0) return [];
    const found = await countDistinct.find({ _id: { $in: [...ids] } }).lean<DistinctRow[]>();
    const known = new Map(found.map((row) => [row._id, row]));
    const parts = ids.map((id) => {
      const [kind, audience, domain, key] = JSON.parse(id) as [DistinctRow["kind"], string, string, string];
      return { id, kind, audience, domain, key, row: known.get(id) };
    });
    const firstDays = await readFirstDays(parts.filter(({ kind }) => kind === "conversation").map(({ key }) => key));
    return Promise.all(
      parts.map(async (part) => {
        const { id, kind } = part;
        return { ...part, to: kind === "conversation" ? (firstDays.get(id) ?? null) : await readNewestDay(part) };
      }),
    );
  }

  /** Of the complete turns of each conversation, by the keys of its figures. */
  async function readFirstDays(conversations: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const days = new Map<string, number>();
    if (conversations.length === 0) return days;
    const found = await turnRow.aggregate<FirstDay>([
      { $match: { conversation: { $in: [...new Set(conversations)] }, status: "complete" } },
      // One text: the wire peer of the tests groups by no more. Keys have no line ends.
      { $project: { day: 1, in: { $concat: ["$conversation", "\n", "$audience", "\n", "$domain"] } } },
      { $group: { _id: "$in", day: { $min: "$day" } } },
    ]);
    for (const { _id, day } of found) {
      const [conversation = "", audience = "", own = ""] = _id.split("\n");
      for (const domain of [own, ALL_DOMAINS]) {
        const id = distinctKey("conversation", audience, domain, conversation);
        days.set(id, Math.min(day, days.get(id) ?? day));
      }
    }
    return days;
  }

  async function readNewestDay({ audience, domain, key }: Pick<Move, "audience" | "domain" | "key">) {
    const ofDomain = domain === ALL_DOMAINS ? {} : { domain };
    const turn = await turnRow
      .findOne({ raters: holds(key), audience, status: "complete", ...ofDomain }, { day: 1 })
      .sort({ day: -1 })
      .lean<Read<Pick<TurnRow, "day">>>();
    return turn?.day ?? null;
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
    return writeFigures(countDay, [{ _id: id, rev, values: { audience, domain, day, ...figures } }]);
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

async function all(writes: readonly Promise<boolean>[]): Promise<boolean> {
  return (await Promise.all(writes)).every(Boolean);
}

function merge(notes: readonly IntentRow[]): Affected {
  const of = (field: "days" | "distinct" | "rated") => [...new Set(notes.flatMap((note) => note[field]))];
  return { ...NOTHING, days: of("days"), distinct: of("distinct"), rated: of("rated") };
}
