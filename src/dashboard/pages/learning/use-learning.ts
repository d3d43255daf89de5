import { useCallback, useEffect, useRef, useState } from "react";
import type { AdapterView, ApiError, CacheView, ReadinessView, RunView, ServerEvent } from "#dashboard/api-records.ts";
import { api, failureOf } from "../api/client.ts";

export interface Learning {
  readonly readiness: readonly ReadinessView[];
  readonly runs: readonly RunView[];
  readonly adapters: readonly AdapterView[];
  readonly cache?: CacheView;
  readonly isRead: boolean;
  readonly error?: ApiError;
}

export interface LearningActions {
  take(event: ServerEvent): void;
  readAgain(): void;
  startTraining(domain: string): Promise<void>;
  cancelRun(id: string): Promise<void>;
  activate(digest: string): Promise<void>;
  rollBack(domain: string): Promise<void>;
  dismissError(): void;
}

/** Hints come in bursts; a command of another process sends none, so the page also looks by itself. */
const HINT_MS = 250;
const LOOK_MS = 5000;

/** Reads only while `isShown`. */
export function useLearning(isShown: boolean): readonly [Learning, LearningActions] {
  const [learning, setLearning] = useState<Learning>({ readiness: [], runs: [], adapters: [], isRead: false });
  const timer = useRef<number | undefined>(undefined);
  const isStale = useRef(true);

  const read = useCallback(async () => {
    isStale.current = false;
    try {
      const [{ readiness }, { runs }, { adapters }, { cache }] = await Promise.all([
        api.readReadiness(),
        api.listRuns(),
        api.listAdapters(),
        api.readCache(),
      ]);
      setLearning((before) => ({ ...before, readiness, runs, adapters, cache, isRead: true }));
    } catch {
      // What was read before stays; the page says elsewhere that the program cannot be reached.
      isStale.current = true;
    }
  }, []);

  const readSoon = useCallback(() => {
    isStale.current = true;
    if (!isShown || timer.current !== undefined) return;
    timer.current = window.setTimeout(() => {
      timer.current = undefined;
      void read();
    }, HINT_MS);
  }, [isShown, read]);

  useEffect(() => {
    if (!isShown) return;
    if (isStale.current) void read();
    const interval = window.setInterval(() => document.visibilityState === "visible" && void read(), LOOK_MS);
    return () => {
      window.clearInterval(interval);
      window.clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [isShown, read]);

  const act = useCallback(
    async (call: () => Promise<unknown>) => {
      setLearning(withoutError);
      try {
        await call();
      } catch (error) {
        setLearning((before) => ({ ...before, error: failureOf(error) }));
      }
      await read();
    },
    [read],
  );

  const actions: LearningActions = {
    take(event) {
      if (event.kind === "run") {
        const others = (runs: readonly RunView[]) => runs.filter((run) => run.id !== event.run.id);
        setLearning((before) => ({ ...before, runs: newestFirst([event.run, ...others(before.runs)]) }));
      }
      if (event.kind === "learning") readSoon();
    },
    readAgain: readSoon,
    startTraining: (domain) => act(() => api.startTraining(domain)),
    cancelRun: (id) => act(() => api.cancelRun(id)),
    activate: (digest) => act(() => api.activate(digest)),
    rollBack: (domain) => act(() => api.rollBack(domain)),
    dismissError: () => setLearning(withoutError),
  };
  return [learning, actions];
}

function withoutError({ error: _, ...rest }: Learning): Learning {
  return rest;
}

function newestFirst(runs: readonly RunView[]): readonly RunView[] {
  return [...runs].sort((a, b) => b.requestedAtMs - a.requestedAtMs);
}
