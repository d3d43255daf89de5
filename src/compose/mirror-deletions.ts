import type { Log } from "#core/log.ts";
import { type DeletionLogEntry, deletionKey } from "#store/deletion-log.ts";
import type { Stores } from "./stores.ts";

/** How long an erasure by another machine may be missing from this machine's log. */
const LOOK_MS = 60_000;

/**
 * The same stores; whom other machines erased is noted in this one's log too. A restore after the database itself was lost then erases them
 * again on whichever machine it runs.
 */
export function mirrorDeletions(stores: Stores, log: Log, lookMs: number = LOOK_MS): Stores {
  const { people, deletions } = stores;
  const noted = new Map<string, number>();

  async function look(): Promise<void> {
    const entries = await listEntries(people);
    if (entries.every(isNoted)) return;
    // What this process erased, or another one of this machine, is there already.
    for (const entry of await deletions.read()) note(entry);
    for (const entry of entries) {
      if (isNoted(entry)) continue;
      await deletions.append(entry);
      note(entry);
    }
  }
  function isNoted(entry: DeletionLogEntry): boolean {
    return (noted.get(deletionKey(entry)) ?? Number.NEGATIVE_INFINITY) >= entry.record.atMs;
  }
  function note(entry: DeletionLogEntry): void {
    if (!isNoted(entry)) noted.set(deletionKey(entry), entry.record.atMs);
  }

  let looking: Promise<void> = Promise.resolve();
  const lookLater = () => {
    looking = looking.then(look).catch((error: unknown) => {
      // An outage of the store is told where it is noticed.
      if (stores.describeOutage() === undefined) log.warn({ err: error }, "deletions.not-mirrored");
    });
  };
  lookLater();
  const timer = setInterval(lookLater, lookMs).unref();
  return {
    ...stores,
    async close() {
      clearInterval(timer);
      await looking;
      await stores.close();
    },
  };
}

async function listEntries(people: Stores["people"]): Promise<readonly DeletionLogEntry[]> {
  const [deletions, places] = await Promise.all([people.listDeletions(), people.listErasedPlaces()]);
  return [
    ...deletions.map((record): DeletionLogEntry => ({ kind: "deletion", record })),
    ...places.map((record): DeletionLogEntry => ({ kind: "erased-place", record })),
  ];
}
