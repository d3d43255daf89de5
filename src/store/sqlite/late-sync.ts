/** Brings what was written to disk beside the event loop. Everybody who waits shares one flush. */
export interface LateSync {
  /** Call after each write. */
  noteWrite(): void;
  readonly writes: number;
  /** Resolves when everything that was written before is on disk; at once when it is already. Rejects when a flush fails. */
  settle(): Promise<void>;
}

export function createLateSync(flush: () => Promise<void>): LateSync {
  let writes = 0;
  let settled = 0;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    const upTo = writes;
    try {
      await flush();
      settled = Math.max(settled, upTo);
    } finally {
      running = undefined;
    }
  }

  return {
    noteWrite() {
      writes++;
    },
    get writes() {
      return writes;
    },
    async settle() {
      const wanted = writes;
      // What runs may have begun before the last write: then there is one more.
      while (settled < wanted) {
        running ??= run();
        await running;
      }
    },
  };
}

interface WritesLate {
  readonly writes: number;
  settle(): Promise<void>;
}

/** The same methods; each promise resolves once what was written meanwhile survives a power cut. */
export function settleWrites<Store extends object>(late: WritesLate, store: Store): Store {
  const settled = Object.entries(store).map(([name, method]): [string, unknown] => {
    if (typeof method !== "function") return [name, method];
    return [
      name,
      (...args: readonly unknown[]) => {
        const before = late.writes;
        const result: unknown = Reflect.apply(method, store, args);
        if (!(result instanceof Promise)) return result;
        return result.then((value: unknown) => (late.writes === before ? value : late.settle().then(() => value)));
      },
    ];
  });
  return Object.fromEntries(settled) as Store;
}
