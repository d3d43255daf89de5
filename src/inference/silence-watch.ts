import { HostOutageError } from "./host-pool.ts";

export interface SilenceWatch {
  /** Aborts with a HostOutageError. */
  readonly signal: AbortSignal;
  /** Something came: the next is awaited for so long. */
  again(ms: number): void;
  stop(): void;
}

/** A host that keeps the connection and says nothing is as good as gone. */
export function watchSilence(firstMs: number): SilenceWatch {
  const stopper = new AbortController();
  const start = (ms: number) =>
    setTimeout(() => stopper.abort(new HostOutageError(`The host was silent for ${ms} ms`)), ms);
  let timer = start(firstMs);
  return {
    signal: stopper.signal,
    again(ms) {
      clearTimeout(timer);
      timer = start(ms);
    },
    stop: () => clearTimeout(timer),
  };
}
