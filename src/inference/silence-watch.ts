import { setTimeout as sleep } from "node:timers/promises";
import { HostOutageError } from "./host-pool.ts";

export interface SilenceWatch {
  /** Aborts with a HostOutageError. */
  readonly signal: AbortSignal;
  /** Something came: the next is awaited for so long. */
  again(ms: number): void;
  stop(): void;
}

/** Loading a model takes minutes; whether the host is there is asked meanwhile, this long after it was last heard. */
const ASK_AFTER_MS = 2000;
const UNANSWERED_MAX = 3;

/**
 * A host that keeps the connection and says nothing is as good as gone. `ask` rejects when it does not answer at all: one that lost its
 * power is given up within seconds, however long its first word may take.
 */
export function watchSilence(firstMs: number, ask?: () => Promise<unknown>): SilenceWatch {
  const stopper = new AbortController();
  let isStopped = false;
  let heard = 0;
  const start = (ms: number) =>
    setTimeout(() => stopper.abort(new HostOutageError(`The host was silent for ${ms} ms`)), ms);
  let timer = start(firstMs);
  const asking = ask === undefined ? undefined : setTimeout(() => void askOn(ask), ASK_AFTER_MS);

  async function askOn(question: () => Promise<unknown>): Promise<void> {
    let unanswered = 0;
    for (let heardBefore = heard; !isStopped && unanswered < UNANSWERED_MAX; heardBefore = heard) {
      const isThere = await question().then(
        () => true,
        () => false,
      );
      unanswered = isThere || heard > heardBefore ? 0 : unanswered + 1;
      await sleep(ASK_AFTER_MS, undefined, { ref: false });
    }
    if (!isStopped) stopper.abort(new HostOutageError(`The host did not answer ${UNANSWERED_MAX} times`));
  }

  return {
    signal: stopper.signal,
    again(ms) {
      heard += 1;
      clearTimeout(timer);
      timer = start(ms);
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      clearTimeout(asking);
    },
  };
}
