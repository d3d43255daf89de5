import type { Turn } from "#core/turn.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import { reportWithoutReason, turnWithoutWords } from "#store/without-words.ts";
import type { Collections } from "./collections.ts";
import { eraseTitle } from "./conversations.ts";
import { finishEvents } from "./inbox.ts";
import { keyText } from "./keys.ts";
import { readFeedback, stateOf, type TurnWriter } from "./turn-writer.ts";

export interface ErasedTurns {
  readonly turnIds: readonly string[];
  readonly feedback: number;
}

export type EraseTurns = (turnKeys: Iterable<string>) => Promise<ErasedTurns>;

/**
 * Erases turns with all that was made from their words. What was made goes before the turn, so that a kill leaves a turn to be found
 * and erased again; and once more after it, for what was saved while it was still there.
 */
export function mongoEraseTurns(rows: Collections, writer: TurnWriter, cache: SemanticCache): EraseTurns {
  async function eraseMade(turn: Turn): Promise<void> {
    const id = keyText(turn.id);
    await rows.vector.deleteMany({ turn: id });
    await cache.evictTurn(turn.id);
    for (const report of await rows.report.list({ turn: id })) {
      if (report.reason !== undefined) await rows.report.save(reportWithoutReason(report));
    }
    await finishQuestions(turn);
  }

  /** Or the next process would answer what was erased. */
  async function finishQuestions({ workspaceId, channelId, messages }: Turn): Promise<void> {
    const questions = messages.filter(({ role }) => role === "question").map(({ messageId }) => keyText(messageId));
    if (questions.length === 0) return;
    const place = { workspace: keyText(workspaceId), channel: keyText(channelId) };
    await finishEvents(rows, { ...place, message: { $in: questions }, open: 1 });
  }

  /** How much feedback went with the turn; undefined when it was erased before or is not there. */
  async function eraseTurn(id: string): Promise<{ turn: Turn; feedback: number } | undefined> {
    const turn = await rows.turn.find(id);
    if (turn === undefined || (await rows.turnRow.exists({ _id: id, is_erased: 0 })) === null) return undefined;
    await eraseTitle(rows, turn);
    await eraseMade(turn);
    let feedback = 0;
    let last = turn;
    const isErased = await writer.change(id, async (before) => {
      if (before === undefined || before.is_erased === 1) return undefined;
      feedback = readFeedback(before).length;
      last = rows.turn.read(before as never);
      return stateOf(rows, turnWithoutWords(last), [], true);
    });
    await eraseMade(last);
    return isErased ? { turn, feedback } : undefined;
  }

  return async (turnKeys) => {
    const turnIds: string[] = [];
    let feedback = 0;
    for (const id of turnKeys) {
      const erased = await eraseTurn(id);
      if (erased === undefined) continue;
      turnIds.push(erased.turn.id);
      feedback += erased.feedback;
    }
    return { turnIds, feedback };
  };
}
