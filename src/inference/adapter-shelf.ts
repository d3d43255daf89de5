interface Entry {
  /** Streams that use it or wait until it is ready. */
  holders: number;
  isReady: boolean;
  mustDrop: boolean;
  usedAt: number;
  readonly whenDropped: (() => void)[];
}

/** A stream's claim on an adapter. */
export interface AdapterHold {
  /** From here on the adapter counts as loaded. */
  markReady(): void;
  leave(): void;
}

export interface AdapterShelfOptions {
  /** Idle adapters beyond it are dropped, the one unused for longest first; running ones may exceed it. */
  readonly adaptersLoadedMax: number;
  /** Frees the adapter where it is loaded; never rejects. */
  readonly drop: (digest: string) => Promise<void>;
}

/** Which adapters are in use: a dropped one goes when its last stream has ended. */
export class AdapterShelf {
  readonly #options: AdapterShelfOptions;
  readonly #entries = new Map<string, Entry>();
  #uses = 0;

  constructor(options: AdapterShelfOptions) {
    this.#options = options;
  }

  get loaded(): readonly string[] {
    return [...this.#entries].filter(([, { isReady }]) => isReady).map(([digest]) => digest);
  }

  enter(digest: string): AdapterHold {
    const entry: Entry = this.#entries.get(digest) ?? {
      holders: 0,
      isReady: false,
      mustDrop: false,
      usedAt: 0,
      whenDropped: [],
    };
    this.#entries.set(digest, entry);
    this.#uses += 1;
    entry.usedAt = this.#uses;
    entry.holders += 1;
    let isHeld = true;
    return {
      markReady: () => {
        entry.isReady = true;
      },
      leave: () => {
        if (!isHeld) return;
        isHeld = false;
        entry.holders -= 1;
        this.#tidy(digest, entry);
      },
    };
  }

  /** Resolves when the adapter's last stream has ended and it is dropped; at once when it is not on the shelf. */
  async release(digest: string): Promise<void> {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    entry.mustDrop = true;
    await new Promise<void>((resolve) => {
      entry.whenDropped.push(resolve);
      this.#tidy(digest, entry);
    });
  }

  #tidy(digest: string, entry: Entry): void {
    if (entry.holders === 0 && (entry.mustDrop || !entry.isReady)) this.#drop(digest, entry);
    const idle = [...this.#entries]
      .filter(([, { holders }]) => holders === 0)
      .sort(([, a], [, b]) => a.usedAt - b.usedAt);
    const surplus = Math.max(0, this.#entries.size - this.#options.adaptersLoadedMax);
    for (const [idleDigest, idleEntry] of idle.slice(0, surplus)) this.#drop(idleDigest, idleEntry);
  }

  #drop(digest: string, entry: Entry): void {
    if (this.#entries.get(digest) !== entry) return;
    this.#entries.delete(digest);
    const dropping = entry.isReady ? this.#options.drop(digest) : Promise.resolve();
    void dropping.then(() => {
      for (const resolve of entry.whenDropped) resolve();
    });
  }
}
