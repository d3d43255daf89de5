import type { Erased } from "#store/privacy-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { Collections } from "./collections.ts";
import { type ErasedPerson, type EraseSteps, mongoErasePerson } from "./erase-person.ts";
import { type ErasedUntil, mongoErasePlace } from "./erase-place.ts";
import { type EraseTurns, mongoEraseTurns } from "./erase-turns.ts";
import type { Intents } from "./intents.ts";
import type { TurnWriter } from "./turn-writer.ts";

/** Turns that are looked up together. */
const BATCH = 25;

export interface Erasing {
  readonly eraseTurns: EraseTurns;
  erasePerson(person: ErasedPerson): Promise<Erased>;
  erasePlace(place: ErasedUntil): Promise<Erased>;
}

export function mongoErasing(
  rows: Collections,
  parts: { readonly writer: TurnWriter; readonly intents: Intents; readonly cache: SemanticCache },
): Erasing {
  const eraseTurns = mongoEraseTurns(rows, parts.writer, parts.cache);
  const person = mongoErasePerson(rows, { ...parts, eraseTurns, batch: BATCH });
  const place = mongoErasePlace(rows, { ...parts, eraseTurns, batch: BATCH });

  return {
    eraseTurns,
    erasePerson: (what) => runToEnd(person, what),
    erasePlace: (what) => runToEnd(place, what),
  };
}

async function runToEnd<What>(steps: EraseSteps<What>, what: What): Promise<Erased> {
  await steps.begin(what);
  const erased: Erased[] = [];
  for (;;) {
    const step = await steps.next(what);
    if (step === undefined) return addUp(erased);
    erased.push(step);
  }
}

export function addUp(steps: readonly Erased[]): Erased {
  return {
    turnIds: [...new Set(steps.flatMap(({ turnIds }) => turnIds))],
    feedback: steps.reduce((sum, { feedback }) => sum + feedback, 0),
  };
}
