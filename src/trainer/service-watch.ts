import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import { emptyService, type Service } from "#core/service.ts";
import type { EventBus } from "#events/event-bus.ts";
import type { LearningStore } from "#store/learning-store.ts";

/** What is in service, at hand without a read: polled, so that every process sees a change within a second. */
export interface ServiceWatch {
  current(scope: LearningScope): Service;
  /** Called once per changed service. */
  onChange(listener: (service: Service) => void): void;
  /** Resolves when every change made before the call is told. */
  refresh(): Promise<void>;
  stop(): void;
}

/** Invariant 10: readers look again every 500 ms; a hint only makes it sooner. */
const POLL_MS = 500;

export async function watchServices(learning: LearningStore, events: EventBus, log: Log): Promise<ServiceWatch> {
  let services = new Map<string, Service>();
  const listeners: ((service: Service) => void)[] = [];
  let reading = Promise.resolve();
  let next: Promise<void> | undefined;
  let isFailing = false;

  async function read(): Promise<void> {
    const fresh = new Map((await learning.listServices()).map((service) => [scopeKey(service.scope), service]));
    const before = services;
    services = fresh;
    for (const [key, service] of fresh) {
      if ((before.get(key)?.epoch ?? 0) !== service.epoch) for (const listener of listeners) listener(service);
    }
  }
  function refresh(): Promise<void> {
    // A read that has begun may have missed what the caller wants to see; all who come meanwhile share the one after it.
    next ??= reading.then(() => {
      next = undefined;
      const mine = read();
      reading = mine.then(
        () => {
          isFailing = false;
        },
        (error: unknown) => {
          // Once, however long it lasts and however many ask.
          if (!isFailing) log.warn({ err: error }, "service.read-failed");
          isFailing = true;
        },
      );
      return mine;
    });
    return next;
  }
  const refreshLater = () => {
    refresh().catch(() => {}); // told where it is read
  };

  await read();
  const timer = setInterval(refreshLater, POLL_MS);
  timer.unref();
  const unsubscribe = events.subscribe((hint) => {
    if (hint.kind === "service.changed") refreshLater();
  });
  return {
    current: (scope) => services.get(scopeKey(scope)) ?? emptyService(scope),
    onChange: (listener) => {
      listeners.push(listener);
    },
    refresh,
    stop: () => {
      clearInterval(timer);
      unsubscribe();
    },
  };
}
