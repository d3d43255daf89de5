import type { Feedback } from "#core/feedback.ts";
import { reportWithoutReason } from "#store/without-words.ts";
import type { Collections, TurnRow } from "./collections.ts";
import type { ErasedTurns, EraseTurns } from "./erase-turns.ts";
import { changeFeedback, removeFeedback } from "./feedback.ts";
import { finishEvents } from "./inbox.ts";
import { keyOf, keyText } from "./keys.ts";
import { holds } from "./records.ts";
import { readFeedback, type TurnWriter } from "./turn-writer.ts";
import { turnsHoldingWordsOf } from "./turns-holding-words.ts";

/** Up to this moment; what came later stays. */
export interface ErasedPerson {
  readonly workspaceId: string;
  readonly userId: string;
  readonly untilMs: number;
}

export interface EraseSteps<What> {
  /** What is to go at once, however much more there is: nobody answers or closes with their words any more. */
  begin(what: What): Promise<void>;
  /** Undefined when nothing is left to erase. */
  next(what: What): Promise<ErasedTurns | undefined>;
}

export function mongoErasePerson(
  rows: Collections,
  parts: { readonly writer: TurnWriter; readonly eraseTurns: EraseTurns; readonly batch: number },
): EraseSteps<ErasedPerson> {
  const { writer, eraseTurns, batch } = parts;
  const holders = turnsHoldingWordsOf(rows);

  /** Those that hold the words go first: were the turn to go first, a kill would leave them unfound. */
  async function eraseOwnTurns({ workspaceId, userId, untilMs }: ErasedPerson): Promise<ErasedTurns | undefined> {
    const own = await rows.turnRow
      .find(
        { workspace: keyText(workspaceId), asker: keyText(userId), is_erased: 0, asked_at: { $lte: untilMs } },
        { _id: 1 },
      )
      .sort({ asked_at: 1 })
      .limit(batch)
      .lean<Pick<TurnRow, "_id">[]>();
    const turns = new Set<string>();
    for (const { _id } of own) await holders.collect(_id, turns, batch);
    return turns.size === 0 ? undefined : eraseTurns(turns);
  }

  /** Answers that were shown what this person taught go before what they taught. */
  async function eraseGivenFeedback({ workspaceId, userId, untilMs }: ErasedPerson): Promise<ErasedTurns | undefined> {
    const given: { turn: string; item: Feedback }[] = [];
    // All are walked through: what was given after the moment stays, and may be any of them.
    const turns = rows.turnRow
      .find({ givers: holds(keyOf(workspaceId, userId)) })
      .lean<TurnRow[]>()
      .cursor();
    for await (const row of turns) {
      const item = readFeedback(row).find((one) => one.userId === userId && one.workspaceId === workspaceId);
      if (item !== undefined && givenAtMs(item) <= untilMs) given.push({ turn: row._id, item });
      if (given.length === batch) break;
    }
    const turnIds: string[] = [];
    let feedback = 0;
    for (const { turn, item } of given) {
      const taught = new Set<string>();
      const isWhole = item.correction === undefined || (await holders.collectTaught(turn, taught, batch));
      const erased = await eraseTurns(taught);
      turnIds.push(...erased.turnIds);
      feedback += erased.feedback;
      if (!isWhole) return { turnIds, feedback };
      if (await removeFeedback(writer, turn, userId)) feedback += 1;
      if (item.correction !== undefined) turnIds.push(item.turnId);
    }
    return given.length === 0 ? undefined : { turnIds, feedback };
  }

  async function eraseEndorsements({ workspaceId, userId, untilMs }: ErasedPerson): Promise<ErasedTurns | undefined> {
    let isChanged = false;
    const turns = rows.turnRow
      .find({ endorsers: holds(keyOf(workspaceId, userId)) }, { _id: 1 })
      .lean<Pick<TurnRow, "_id">[]>();
    for (const { _id } of await turns) {
      isChanged =
        (await changeFeedback(writer, _id, (feedback) => {
          const isTheirs = (item: Feedback) => item.endorsedBy.includes(userId) && givenAtMs(item) <= untilMs;
          if (!feedback.some(isTheirs)) return feedback;
          return feedback.map((item) => (isTheirs(item) ? withoutEndorser(item, userId) : item));
        })) || isChanged;
    }
    return isChanged ? { turnIds: [], feedback: 0 } : undefined;
  }

  return {
    async begin({ workspaceId, userId, untilMs }) {
      const workspace = keyText(workspaceId);
      await finishEvents(rows, { workspace, user: keyText(userId), open: 1, received_at: { $lte: untilMs } });
      const reports = await rows.report.list({ workspace, reported_by: keyText(userId), at: { $lte: untilMs } });
      for (const report of reports) await rows.report.save(reportWithoutReason(report));
    },
    async next(person) {
      return (await eraseOwnTurns(person)) ?? (await eraseGivenFeedback(person)) ?? (await eraseEndorsements(person));
    },
  };
}

/** The newest of what was said; a field that was never set stands at 0. */
export function givenAtMs({ scoreAtMs, commentAtMs, correctionAtMs }: Feedback): number {
  return Math.max(scoreAtMs, commentAtMs, correctionAtMs);
}

function withoutEndorser(feedback: Feedback, userId: string): Feedback {
  return { ...feedback, endorsedBy: feedback.endorsedBy.filter((id) => id !== userId) };
}
