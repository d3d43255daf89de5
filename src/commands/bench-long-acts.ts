import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { QueriedStores } from "./bench-queries.ts";
import type { BenchTargets } from "./bench-records.ts";

/** What reads or writes more than a page: it may take long, but nobody who chats may wait for it. */
export interface LongActFigures {
  readonly name: string;
  readonly lastedMs: number;
  /** The longest time for which the event loop stood still. */
  readonly stalledMs: number;
  readonly records: number;
}

interface LongAct {
  readonly name: string;
  readonly run: () => Promise<number>;
}

/** Erases a few turns of the store: another person each time. */
export async function benchLongActs(
  stores: QueriedStores,
  targets: BenchTargets,
  nowMs: number,
): Promise<readonly LongActFigures[]> {
  const figures: LongActFigures[] = [];
  for (const act of await longActsOf(stores, targets, nowMs)) figures.push(await measure(act));
  return figures;
}

async function measure({ name, run }: LongAct): Promise<LongActFigures> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  await pause(20);
  delay.enable();
  const startedAtMs = performance.now();
  const records = await run();
  const lastedMs = performance.now() - startedAtMs;
  // The monitor hears of a stall when it is over.
  await pause(5);
  delay.disable();
  return { name, lastedMs, stalledMs: delay.max / 1e6, records };
}

async function longActsOf(stores: QueriedStores, targets: BenchTargets, nowMs: number): Promise<readonly LongAct[]> {
  const { privacy, learning, people, chat } = stores;
  const { workspaceId, busyPerson, quietPerson } = targets;
  const erasedBefore = (await people.listDeletions()).length;
  const person = erasedBefore === 0 ? quietPerson : `U${31 * (erasedBefore + 2)}`;
  return [
    {
      name: "export of a person with a share of the workspace",
      run: async () => (await privacy.exportPerson(workspaceId, busyPerson)).turns.length,
    },
    {
      name: "erasing of a person",
      run: async () => (await privacy.erasePerson(workspaceId, person, nowMs)).turnIds.length,
    },
    {
      name: "a batch of retention, 200 turns",
      run: async () => (await privacy.eraseBefore("discord:900100", nowMs, 200)).turnIds.length,
    },
    { name: "every scope, for the schedule", run: async () => (await learning.listScopes()).length },
    { name: "every workspace, for retention", run: async () => (await privacy.listWorkspaces()).length },
    { name: "a batch of ended events, 200", run: () => chat.pruneEvents(nowMs - 86_400_000, 200) },
  ];
}
