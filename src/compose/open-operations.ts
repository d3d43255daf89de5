import type { Config } from "#config/schema.ts";
import type { OperationsServer } from "#dashboard/operations-server.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { TRAIN_JOB } from "#trainer/request-training.ts";
import type { Metrics } from "./metrics.ts";
import type { Stores } from "./stores.ts";

const JOBS_COUNTED_MAX = 200;

/** Health and figures of this process for supervisors; undefined when no port is set. */
export async function openOperations(
  config: Config["operations"],
  metrics: Metrics,
  parts: { readonly stores: Stores; readonly engine?: Pick<InferenceEngine, "health"> },
): Promise<OperationsServer | undefined> {
  const { host, port } = config;
  if (port === undefined) return undefined;
  const { stores, engine } = parts;
  if (engine !== undefined) {
    metrics.gauge("reactune_replies_waiting", "Questions that wait for a free stream", async () => {
      return (await engine.health()).waiting;
    });
    metrics.gauge("reactune_replies_streaming", "Replies that are being written", async () => {
      return (await engine.health()).streaming;
    });
    metrics.gauge("reactune_adapters_loaded", "Adapters in the engine's memory", async () => {
      return (await engine.health()).adaptersLoaded.length;
    });
  }
  for (const state of ["queued", "running"] as const) {
    metrics.gauge(`reactune_training_jobs_${state}`, `Training runs that are ${state}`, async () => {
      const jobs = await stores.jobs.list({ kind: TRAIN_JOB, limit: JOBS_COUNTED_MAX });
      return jobs.filter((job) => job.state === state).length;
    });
  }
  const { listenForSupervisors } = await import("#dashboard/operations-server.ts");
  return listenForSupervisors(
    {
      async readUnready() {
        const health = await engine?.health();
        return health === undefined || health.isReady ? undefined : health.detail;
      },
      describeProblem: stores.describeProblem,
      readMetrics: metrics.read,
    },
    { host, port },
  );
}
