/**
 * What waits to be sent to one browser. A newer value of the same key takes the older one's place, so a slow reader gets
 * the newest text and never a backlog; beyond `limit` keys the queue gives up and its reader reads everything again.
 */
export class EventQueue<T> {
  readonly #limit: number;
  readonly #waiting = new Map<string, T>();
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(key: string, value: T): void {
    if (this.#isClosed) return;
    this.#waiting.set(key, value);
    if (this.#waiting.size > this.#limit) this.close();
    this.#wake?.();
  }

  /** Drops what waits under this key: something newer says it all. */
  drop(key: string): void {
    this.#waiting.delete(key);
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting.clear();
    this.#wake?.();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The oldest value; undefined when the queue is closed or nothing came for `waitMs`. For one reader only. */
  async take(waitMs: number): Promise<T | undefined> {
    if (this.#waiting.size === 0 && !this.#isClosed) await this.#sleep(waitMs);
    for (const [key, value] of this.#waiting) {
      this.#waiting.delete(key);
      return value;
    }
    return undefined;
  }

  #sleep(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#wake?.(), waitMs);
      this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
