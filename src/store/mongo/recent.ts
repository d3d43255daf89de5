/** What this process read or wrote last, by key; the one that was put first goes. It may be out of date: whoever goes by it must be told so by the write. */
export interface Recent<T> {
  has(key: string): boolean;
  get(key: string): T | undefined;
  put(key: string, value: T): void;
  drop(key: string): void;
}

export function recent<T>(max: number): Recent<T> {
  const values = new Map<string, T>();
  return {
    has: (key) => values.has(key),
    get: (key) => values.get(key),
    put(key, value) {
      values.delete(key);
      values.set(key, value);
      const [oldest] = values.keys();
      if (values.size > max && oldest !== undefined) values.delete(oldest);
    },
    drop: (key) => void values.delete(key),
  };
}
