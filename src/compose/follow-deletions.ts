import type { EventRecorder } from "#commands/record-events.ts";
import type { Log } from "#core/log.ts";
import type { Stores } from "./stores.ts";

/** How long somebody whose data another process erased stays in a recording of this one. */
const LOOK_MS = 10_000;

/** The same stores; what is erased leaves the recording too: here at once, elsewhere seconds later, before the start what went since. */
export async function recordWithoutErased(stores: Stores, recorder: EventRecorder, log: Log): Promise<Stores> {
  const look = async () => recorder.eraseDeleted(await stores.people.listDeletions());
  await look();
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look).catch((error: unknown) => log.warn({ err: error }, "recording.not-compared"));
  }, LOOK_MS);
  return {
    ...stores,
    privacy: recorder.watchErasures(stores.privacy),
    async close() {
      clearInterval(timer);
      await looking;
      await stores.close();
    },
  };
}
