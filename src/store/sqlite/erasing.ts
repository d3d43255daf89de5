import type { Deletion, ErasedPlace } from "#core/people.ts";
import type { Counts } from "./counts.ts";
import { prepareErasePerson } from "./erase-person.ts";
import { prepareErasePlace } from "./erase-place.ts";
import { type ErasedTurns, prepareEraseTurns } from "./erase-turns.ts";
import type { Sql } from "./sql.ts";
import type { TurnMarks } from "./turn-marks.ts";

/** One write each; they say what they erased, and end when nothing is left. */
export type Erasing = Generator<ErasedTurns, void>;

/** Turns of one write: of 100,000 turns, 25 take 7 to 26 ms where it is quiet, and less than 200 ms where two others want the disk. */
const BATCH = 25;

export interface Erasings {
  erase(turnKeys: readonly string[]): Erasing;
  erasePerson(deletion: Deletion, untilMs: number): Erasing;
  erasePlace(place: ErasedPlace, untilMs: number): Erasing;
}

export function sqliteErasings(sql: Sql, counts: Counts, marks: TurnMarks): Erasings {
  const eraseTurns = prepareEraseTurns(sql, counts, marks);
  const person = prepareErasePerson(sql, { counts, marks, eraseTurns, batch: BATCH });
  const place = prepareErasePlace(sql, eraseTurns, BATCH);

  function* repeat(next: () => ErasedTurns | undefined): Erasing {
    for (;;) {
      const erased = sql.write(next);
      if (erased === undefined) return;
      yield erased;
    }
  }

  return {
    *erase(turnKeys) {
      for (let at = 0; at < turnKeys.length; at += BATCH) {
        yield sql.write(() => eraseTurns(turnKeys.slice(at, at + BATCH)));
      }
    },
    *erasePerson({ workspaceId, userId }, untilMs) {
      const what = { workspaceId, userId, untilMs };
      sql.write(() => person.begin(what));
      yield* repeat(() => person.next(what));
    },
    *erasePlace({ atMs: _, ...which }, untilMs) {
      const what = { ...which, untilMs };
      sql.write(() => place.begin(what));
      yield* repeat(() => place.next(what));
    },
  };
}
