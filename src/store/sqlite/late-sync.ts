/** Brings what was written to disk beside the event loop. Everybody who waits shares one flush. */
export interface LateSync {
  /** Call after each write. One that nobody waits for is flushed with the next that somebody does, or soon by itself. */
  noteWrite(isAwaited: boolean): void;
  readonly writes: number;
  readonly awaitedWrites: number;
  /** Resolves when everything that was written before is on disk; at once when it is already. Rejects when a flush fails. */
  settle(): Promise<void>;
}

/** A power cut takes no more than what was written in this time and not waited for. */
const SOON_MS = 100;

export function createLateSync(flush: () => Promise<void>): LateSync {
  let writes = 0;
  let awaitedWrites = 0;
  let soon: NodeJS.Timeout | undefined;
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

  async function settle(): Promise<void> {
    const wanted = writes;
    // What runs may have begun before the last write: then there is one more.
    while (settled < wanted) {
      running ??= run();
      await running;
    }
  }

  function settleSoon(): void {
    soon = undefined;
    // Whoever waits for a later write is told, and tries again.
    settle().catch(() => {});
  }

  return {
    noteWrite(isAwaited) {
      writes++;
      if (isAwaited) awaitedWrites++;
      else if (soon === undefined) soon = setTimeout(settleSoon, SOON_MS).unref();
    },
    get writes() {
      return writes;
    },
    get awaitedWrites() {
      return awaitedWrites;
    },
    settle,
  };
}

type WritesLate = Pick<LateSync, "awaitedWrites" | "settle">;

/** The same methods; each promise resolves once what was written meanwhile, and is waited for, survives a power cut. */
export function settleWrites<Store extends object>(late: WritesLate, store: Store): Store {
  const settled = Object.entries(store).map(([name, method]): [string, unknown] => {
    if (typeof method !== "function") return [name, method];
    return [
      name,
      (...args: readonly unknown[]) => {
        const before = late.awaitedWrites;
        const result: unknown = Reflect.apply(method, store, args);
        if (!(result instanceof Promise)) return result;
        return result.then((value: unknown) =>
          late.awaitedWrites === before ? value : late.settle().then(() => value),
        );
      },
    ];
  });
  return Object.fromEntries(settled) as Store;
}
