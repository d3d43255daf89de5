import { type Feedback, isDisliked, isExample, readinessScore } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import { feedbackRecord } from "#store/record-chat.ts";
import { affectedBy, type TurnState } from "./affected.ts";
import type { Collections, FeedbackRow, TurnRow } from "./collections.ts";
import { affectsNothing, type Intent, type Intents } from "./intents.ts";
import { keyOf, keyText } from "./keys.ts";
import { recent } from "./recent.ts";
import { ignoreDuplicate, nativeOf, parseJson } from "./records.ts";
import { retryWhileRaced, serialised } from "./retry.ts";
import type { Settling } from "./settle.ts";

export interface TurnWriter {
  /**
   * Changes a turn with its feedback and the figures of both in one atomic write; `next` is asked again when another process was
   * faster, and writes nothing when it gives undefined. True when something was written.
   */
  change(id: string, next: Next): Promise<boolean>;
  /**
   * The same, from what this process saw of the turn last. `next` may be given an older state first: it gives a state for whatever it
   * is given. `askOnce` is waited for after a turn was written that was not there; until then its note tells that it is not asked yet.
   */
  save(id: string, next: Next, askOnce: () => Promise<void>): Promise<void>;
  /** There is none of this id, as far as this process knows: `save` begins with writing one. */
  expectNone(id: string): void;
}

type Next = (before: TurnRow | undefined) => Promise<TurnState | undefined>;

interface Written {
  readonly isWritten: boolean;
  /** Of a turn that was not there before. */
  readonly open?: Intent;
}

/** A turn is written again within its answer. */
const RECENT_TURNS_MAX = 256;

export function mongoTurnWriter(rows: Collections, intents: Intents, settling: Settling): TurnWriter {
  const inOrder = serialised();
  const known = recent<TurnRow | undefined>(RECENT_TURNS_MAX);
  const turns = nativeOf<TurnRow>(rows.turnRow);

  async function read(_id: string): Promise<TurnRow | undefined> {
    return (await turns.findOne({ _id })) ?? undefined;
  }

  /** Undefined when another process was faster. */
  async function tryChange(id: string, before: TurnRow | undefined, next: Next): Promise<Written | undefined> {
    const after = await next(before);
    if (after === undefined) return { isWritten: false };
    const isFresh = before === undefined;
    const affected = { ...affectedBy(before, after), ...(isFresh ? { fresh: [id] } : {}) };
    const intent = affectsNothing(affected) ? undefined : await intents.begin(affected);
    const row = await write(before, after);
    if (row === undefined) {
      known.drop(id);
      await intent?.drop();
      return undefined;
    }
    known.put(id, row);
    if (isFresh && intent !== undefined) return { isWritten: true, open: intent };
    end(intent);
    return { isWritten: true };
  }

  async function write(before: TurnRow | undefined, after: TurnState): Promise<TurnRow | undefined> {
    const { _id, ...values } = after;
    if (before === undefined) {
      const row = { ...values, _id, rev: 1, is_rated: 0, rated_rev: 0 };
      return (await ignoreDuplicate(turns.insertOne(row))) === undefined ? undefined : row;
    }
    const { rev } = before;
    const written = await turns.updateOne({ _id, rev }, { $set: values, $inc: { rev: 1 } });
    return written.matchedCount === 1 ? { ...before, ...after, rev: rev + 1 } : undefined;
  }

  function end(intent: Intent | undefined): void {
    if (intent === undefined) return;
    intent.end();
    settling.count();
  }

  return {
    async change(id, next) {
      const { isWritten, open } = await inOrder(id, () =>
        retryWhileRaced(async () => tryChange(id, await read(id), next)),
      );
      end(open);
      return isWritten;
    },
    async save(id, next, askOnce) {
      const { open } = await inOrder(id, () =>
        retryWhileRaced(async () => tryChange(id, known.has(id) ? known.get(id) : await read(id), next)),
      );
      if (open === undefined) return;
      await askOnce();
      end(open);
    },
    expectNone(id) {
      if (!known.has(id)) known.put(id, undefined);
    },
  };
}

/** The turn's row with this feedback, in the order of users, and all that follows from it. */
export function stateOf(rows: Collections, turn: Turn, feedback: readonly Feedback[], isErased: boolean): TurnState {
  const columns = rows.turn.rowOf(turn) as unknown as TurnState;
  return { ...columns, is_erased: isErased ? 1 : 0, ...feedbackColumns(feedback) };
}

/** `before` with other feedback. */
export function withFeedback(before: TurnRow, feedback: readonly Feedback[]): TurnState {
  const { rev: _, is_rated: __, rated_rev: ___, ...state } = before;
  return { ...state, ...feedbackColumns(feedback) };
}

export function readFeedback(row: Pick<TurnRow, "feedback">): readonly Feedback[] {
  return row.feedback.map(({ version, document }) => feedbackRecord.decode("of a turn", version, parseJson(document)));
}

function feedbackColumns(feedback: readonly Feedback[]) {
  const rows = feedback.map(
    (item): FeedbackRow => ({
      user: keyText(item.userId),
      version: feedbackRecord.version,
      document: feedbackRecord.encode(item),
    }),
  );
  const scored = feedback.flatMap((item) => {
    const score = readinessScore(item);
    return score === undefined ? [] : [{ user: keyText(item.userId), score }];
  });
  const people = (users: readonly string[], workspaceId: string) => users.map((user) => keyOf(workspaceId, user));
  return {
    feedback: [...rows].sort((a, b) => (a.user < b.user ? -1 : 1)),
    givers: feedback.flatMap((item) => people([item.userId], item.workspaceId)),
    endorsers: feedback.flatMap((item) => people(item.endorsedBy, item.workspaceId)),
    scores: scored.length,
    score_sum: scored.reduce<number>((sum, { score }) => sum + score, 0),
    raters: scored.map(({ user }) => user).sort(),
    is_example: isExample(feedback) ? 1 : 0,
    is_disliked: isDisliked(feedback) ? 1 : 0,
    has_feedback: feedback.some(saysSomething) ? 1 : 0,
  };
}

/** Feedback that was wholly taken back is a tombstone. */
function saysSomething({ score, correction, comment }: Feedback): boolean {
  return score !== undefined || correction !== undefined || comment !== undefined;
}
