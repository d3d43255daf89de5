import type { Log } from "#core/log.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import { emptyService, type Service } from "#core/service.ts";
import type { EventBus } from "#events/event-bus.ts";
import { keepFresh } from "#events/keep-fresh.ts";
import type { LearningStore } from "#store/learning-store.ts";

/** What is in service, at hand without a read: every process sees a change within a second (invariant 10). */
export interface ServiceWatch {
  current(scope: LearningScope): Service;
  /** Called once per changed service. */
  onChange(listener: (service: Service) => void): void;
  /** Resolves when every change made before the call is told. */
  refresh(): Promise<void>;
  stop(): void;
}

export async function watchServices(learning: LearningStore, events: EventBus, log: Log): Promise<ServiceWatch> {
  let services = new Map<string, Service>();
  const listeners: ((service: Service) => void)[] = [];

  async function read(): Promise<void> {
    const fresh = new Map((await learning.listServices()).map((service) => [scopeKey(service.scope), service]));
    const before = services;
    services = fresh;
    for (const [key, service] of fresh) {
      if ((before.get(key)?.epoch ?? 0) !== service.epoch) for (const listener of listeners) listener(service);
    }
  }

  await read();
  const { refresh, stop } = keepFresh({
    events,
    kind: "service.changed",
    read,
    onFailure: (error) => log.warn({ err: error }, "service.read-failed"),
  });
  return {
    current: (scope) => services.get(scopeKey(scope)) ?? emptyService(scope),
    onChange: (listener) => {
      listeners.push(listener);
    },
    refresh,
    stop,
  };
}
