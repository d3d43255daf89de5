import type { Client, GatewayDispatchEvents } from "discord.js";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

/** Discord does not send an event again: what could not be stored is tried again here, for about a quarter of a minute. */
const RETRY_AFTER_MS = [200, 1000, 4000, 10_000];
/** Events that came before the servers were known wait, up to this many. */
const EARLY_MAX = 10_000;

/** Raw events of the gateway, one listener each; those that come before `open` wait for it. */
export interface Listening {
  on<T>(event: GatewayDispatchEvents, act: (data: T) => Promise<void>): void;
  open(): void;
  /** Runs work that an event began; its failure is logged, tried again and ends nothing. */
  run(event: string, act: () => Promise<void>): void;
  /** Resolves when no work is under way. */
  settle(): Promise<void>;
  stop(): void;
}

export function createListening(client: Client, log: Log): Listening {
  const early: (() => void)[] = [];
  const underWay = new Set<Promise<void>>();
  const stopping = new AbortController();
  let isOpen = false;

  async function attempt(event: string, act: () => Promise<void>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await act();
      } catch (error) {
        const waitMs = RETRY_AFTER_MS[tries];
        const fields = { event, tries: tries + 1, reason: describeError(error) };
        if (waitMs === undefined || stopping.signal.aborted) return log.error(fields, "discord.event-lost");
        log.warn(fields, "discord.event-failed");
        await pause(waitMs, stopping.signal);
      }
    }
  }

  function run(event: string, act: () => Promise<void>): void {
    const work = attempt(event, act).finally(() => underWay.delete(work));
    underWay.add(work);
  }

  return {
    on<T>(event: GatewayDispatchEvents, act: (data: T) => Promise<void>) {
      client.ws.on(event, (data: T) => {
        if (stopping.signal.aborted) return;
        if (isOpen) run(event, () => act(data));
        else if (early.length < EARLY_MAX) early.push(() => run(event, () => act(data)));
      });
    },
    open() {
      isOpen = true;
      for (const begin of early.splice(0)) begin();
    },
    run,
    async settle() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    stop() {
      stopping.abort();
      early.length = 0;
    },
  };
}

/** Resolves at once when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
