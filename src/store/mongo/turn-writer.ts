import { type Feedback, isDisliked, isExample, readinessScore } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import { feedbackRecord } from "#store/record-chat.ts";
import { affectedBy, type TurnState } from "./affected.ts";
import type { Collections, FeedbackRow, TurnRow } from "./collections.ts";
import { affectsNothing, type Intents } from "./intents.ts";
import { keyOf, keyText } from "./keys.ts";
import { ignoreDuplicate, parseJson } from "./records.ts";
import { retryWhileRaced, serialised } from "./retry.ts";
import type { Settling } from "./settle.ts";

export interface TurnWriter {
  /**
   * Changes a turn with its feedback and the figures of both in one atomic write; `next` is asked again when another process was
   * faster, and writes nothing when it gives undefined. True when something was written.
   */
  change(id: string, next: (before: TurnRow | undefined) => Promise<TurnState | undefined>): Promise<boolean>;
}

export function mongoTurnWriter(rows: Collections, intents: Intents, settling: Settling): TurnWriter {
  const inOrder = serialised();

  async function tryChange(id: string, next: Parameters<TurnWriter["change"]>[1]): Promise<boolean | undefined> {
    const before = (await rows.turnRow.findOne({ _id: id }).lean<TurnRow>()) ?? undefined;
    const after = await next(before);
    if (after === undefined) return false;
    const affected = affectedBy(before, after);
    const intent = affectsNothing(affected) ? undefined : await intents.begin(affected);
    if (!(await write(rows, before, after))) {
      await intent?.drop();
      return undefined;
    }
    await intent?.end();
    if (intent !== undefined) settling.count();
    return true;
  }

  return {
    change: (id, next) => inOrder(id, () => retryWhileRaced(() => tryChange(id, next))),
  };
}

async function write(rows: Collections, before: TurnRow | undefined, after: TurnState): Promise<boolean> {
  const { _id, ...values } = after;
  if (before === undefined) {
    const row = { ...values, _id, rev: 1, is_rated: 0, rated_rev: 0 };
    return (await ignoreDuplicate(rows.turnRow.create(row as never))) !== undefined;
  }
  const changes = { $set: values, $inc: { rev: 1 } };
  const written = await rows.turnRow.updateOne({ _id, rev: before.rev }, changes as never, { runValidators: true });
  return written.matchedCount === 1;
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
