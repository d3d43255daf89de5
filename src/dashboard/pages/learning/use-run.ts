import { useEffect, useState } from "react";
import type { RunEvent } from "#core/learning.ts";
import type { RunFigure, RunView } from "#dashboard/api-records.ts";
import { api } from "../api/client.ts";

export interface RunLog {
  readonly events: readonly RunEvent[];
  readonly figures: readonly RunFigure[];
}

const LOOK_MS = 1500;
const NOTHING: RunLog = { events: [], figures: [] };

/** The log of a run as it grows; ends to look when the run has ended. */
export function useRun(run: RunView): RunLog {
  const [log, setLog] = useState<RunLog>(NOTHING);

  useEffect(() => {
    let isEnded = false;
    let timer: number | undefined;
    let after = 0;
    const look = async () => {
      let hasMore = false;
      try {
        const details = await api.readRun(run.id, after);
        if (isEnded) return;
        after = details.events.at(-1)?.sequence ?? after;
        hasMore = details.hasMore;
        setLog((before) => ({ events: [...before.events, ...details.events], figures: details.figures }));
      } catch {
        // Asked again below, unless the run has ended; then its row still shows how.
        if (isEnded) return;
      }
      if (hasMore) void look();
      else if (!run.hasEnded) timer = window.setTimeout(() => void look(), LOOK_MS);
    };
    setLog(NOTHING);
    void look();
    return () => {
      isEnded = true;
      window.clearTimeout(timer);
    };
  }, [run.id, run.hasEnded]);

  return log;
}
