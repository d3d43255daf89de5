/** A map that forgets what was not touched for longest, so that it never grows beyond `entriesMax`. */
export interface RecentMap<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
  entries(): Iterable<readonly [string, Value]>;
  clear(): void;
}

export function recentMap<Value>(entriesMax: number): RecentMap<Value> {
  const kept = new Map<string, Value>();
  return {
    get(key) {
      const value = kept.get(key);
      if (value !== undefined) {
        kept.delete(key);
        kept.set(key, value);
      }
      return value;
    },
    set(key, value) {
      kept.delete(key);
      kept.set(key, value);
      for (const oldest of kept.keys()) {
        if (kept.size <= entriesMax) break;
        kept.delete(oldest);
      }
    },
    delete: (key) => void kept.delete(key),
    entries: () => kept.entries(),
    clear: () => kept.clear(),
  };
}
