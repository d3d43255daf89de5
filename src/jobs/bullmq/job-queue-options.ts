import type { Cluster, Redis } from "ioredis";
import type { Log } from "#core/log.ts";

export interface BullJobQueueOptions {
  /** For short commands: rejects at once while Redis is away. */
  readonly client: Redis | Cluster;
  /** Makes of the driver's errors some that hold no words of a command. */
  readonly use: <T>(act: () => Promise<T>) => Promise<T>;
  /** A connection for one worker, whose commands wait while Redis is away; the worker ends it. */
  readonly openPatient: () => Redis | Cluster;
  readonly prefix: string;
  readonly now: () => number;
  readonly log: Log;
  /** 0 up to 1, for the spread of retries. */
  readonly random?: () => number;
  /** How often a worker looks at a job whose key is busy, and for cancellations; at most 500. */
  readonly pollMs?: number;
  /** How long a worker whose lease ran out has to come back before its job is taken over: the server may have been away. */
  readonly graceMs?: number;
  /** The first retry waits about this long, each further one twice as long, none longer than `retryMaxMs`. */
  readonly retryMs?: number;
  readonly retryMaxMs?: number;
}
