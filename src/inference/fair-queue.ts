import { QueueFullError } from "#core/errors.ts";

export interface FairQueueOptions {
  /** How many may hold a place at once. */
  readonly parallelMax: number;
  /** How many may wait; 0 refuses everyone who cannot start at once. */
  readonly queueMax: number;
  readonly waitMaxMs: number;
}

interface Line {
  readonly waiters: (() => void)[];
  held: number;
  /** Number of the last place it was given; smaller has waited longer. */
  servedAt: number;
}

/**
 * Places shared fairly: the next place goes to the key that holds the fewest, then to the key that was served longest
 * ago. Within a key, first come, first served.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  /** Keys that hold a place or wait for one, in order of arrival. */
  readonly #lines = new Map<string, Line>();
  #waiting = 0;
  #holding = 0;
  #served = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get holding(): number {
    return this.#holding;
  }

  /**
   * Resolves with the function that gives the place back. Rejects with QueueFullError when too many wait or it took
   * too long, with the signal's reason when aborted.
   */
  async enter(key: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#holding < this.#options.parallelMax) this.#take(this.#lineOf(key));
    else await this.#wait(key, signal);

    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#giveBack(key);
    };
  }

  async #wait(key: string, signal: AbortSignal): Promise<void> {
    if (this.#waiting >= this.#options.queueMax) throw new QueueFullError(this.#waiting);

    const { waiters } = this.#lineOf(key);
    await new Promise<void>((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        waiters.splice(waiters.indexOf(enter), 1);
        this.#waiting -= 1;
      };
      const enter = () => {
        stop();
        resolve();
      };
      const leave = (error: unknown) => {
        stop();
        this.#forgetIfUnused(key);
        reject(error);
      };
      const onAbort = () => leave(signal.reason);
      const timer = setTimeout(() => leave(new QueueFullError(this.#waiting - 1)), this.#options.waitMaxMs);
      signal.addEventListener("abort", onAbort, { once: true });
      waiters.push(enter);
      this.#waiting += 1;
    });
  }

  #take(line: Line): void {
    this.#holding += 1;
    this.#served += 1;
    line.held += 1;
    line.servedAt = this.#served;
  }

  #giveBack(key: string): void {
    this.#holding -= 1;
    this.#lineOf(key).held -= 1;
    this.#forgetIfUnused(key);

    const next = [...this.#lines.values()]
      .filter(({ waiters }) => waiters.length > 0)
      .sort((a, b) => a.held - b.held || a.servedAt - b.servedAt)[0];
    const enter = next?.waiters[0];
    if (next === undefined || enter === undefined) return;
    this.#take(next);
    enter();
  }

  #lineOf(key: string): Line {
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    // A newcomer goes before whoever was served last and after those who have waited since earlier.
    const line: Line = { waiters: [], held: 0, servedAt: this.#served - 0.5 };
    this.#lines.set(key, line);
    return line;
  }

  #forgetIfUnused(key: string): void {
    const line = this.#lines.get(key);
    if (line?.held === 0 && line.waiters.length === 0) this.#lines.delete(key);
  }
}
