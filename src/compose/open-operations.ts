import type { Config } from "#config/schema.ts";
import type { InferenceEngine } from "#inference/inference-engine.ts";
import { TRAIN_JOB } from "#trainer/request-training.ts";
import { isTaken, PortTakenError, refusalOf } from "./listen-near.ts";
import type { Metrics } from "./metrics.ts";
import type { Stores } from "./stores.ts";

const JOBS_COUNTED_MAX = 200;
const PORT_HINT =
  "Give each process of a machine an operations.port of its own; 0 takes any free one, which the start prints";

/** What it asks of the stores. */
type Counted = Pick<Stores, "describeProblem" | "describeOutage"> & { readonly jobs: Pick<Stores["jobs"], "list"> };

/** Health and figures of this process for supervisors, from before anything else is open: they see a process that waits. */
export interface Operations {
  /** Undefined when no port is set. */
  readonly url?: string;
  /** Why the process is not ready yet. */
  tellWait(why: string | undefined): void;
  /** Everything is open: from now on these are asked. */
  watch(parts: { readonly stores: Counted; readonly engine?: Pick<InferenceEngine, "health"> }): void;
  close(): Promise<void>;
}

/** Rejects with PortTakenError, ListenRefusedError. */
export async function openOperations(config: Config["operations"], metrics: Metrics | undefined): Promise<Operations> {
  const { host, port } = config;
  if (port === undefined || metrics === undefined) {
    return { tellWait: () => {}, watch: () => {}, close: async () => {} };
  }
  let waitsFor: string | undefined = "starting";
  let stores: Counted | undefined;
  let engine: Pick<InferenceEngine, "health"> | undefined;
  const { listenForSupervisors } = await import("#dashboard/operations-server.ts");
  const server = await listenForSupervisors(
    {
      async readUnready() {
        if (stores === undefined) return waitsFor;
        return stores.describeOutage() ?? (await readEngineUnready(engine));
      },
      describeProblem: () => stores?.describeProblem(),
      readMetrics: metrics.read,
    },
    { host, port },
  ).catch((cause: unknown) => {
    if (isTaken(cause)) throw new PortTakenError(`${host}:${port}`, { cause }, PORT_HINT);
    throw refusalOf(cause, { host, port, section: "operations" });
  });
  return {
    url: server.url,
    tellWait(why) {
      waitsFor = why ?? "starting";
    },
    watch(parts) {
      ({ stores, engine } = parts);
      measure(metrics, parts);
    },
    close: () => server.close(),
  };
}

/** Undefined: it answers, or the process has none of its own. */
export async function readEngineUnready(
  engine: Pick<InferenceEngine, "health"> | undefined,
): Promise<string | undefined> {
  const health = await engine?.health();
  return health === undefined || health.isReady ? undefined : health.detail;
}

function measure(metrics: Metrics, { stores, engine }: Parameters<Operations["watch"]>[0]): void {
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
}
