import type { Cluster, Redis } from "ioredis";

/** What a Redis server must be set to so that no job is lost. */
export interface QueueServer {
  readonly version: string;
  /** Must be `noeviction`: any other lets Redis drop jobs when its memory is full. */
  readonly evictionPolicy: string;
  /** Without the append-only file a restart forgets the jobs since the last snapshot, or all. */
  readonly hasAppendOnlyFile: boolean;
  /** 0: no limit. */
  readonly memoryMaxBytes: number;
  readonly memoryUsedBytes: number;
  /** What loses jobs, and what to set against it; none when it is fit. */
  readonly problems: readonly { readonly found: string; readonly fix: string }[];
}

/** The oldest with every command that is used here. */
const VERSION_MIN = [6, 2] as const;

/** Asks INFO, which hosted servers allow where they refuse CONFIG. Rejects while Redis is away. Of a cluster one node is asked. */
export async function readQueueServer(client: Redis | Cluster): Promise<QueueServer> {
  const fields = parseInfo(await client.info());
  const version = fields.get("redis_version") ?? "unknown";
  const evictionPolicy = fields.get("maxmemory_policy") ?? "unknown";
  const hasAppendOnlyFile = fields.get("aof_enabled") === "1";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isTooOld = major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]);
  return {
    version,
    evictionPolicy,
    hasAppendOnlyFile,
    memoryMaxBytes: Number(fields.get("maxmemory") ?? 0),
    memoryUsedBytes: Number(fields.get("used_memory") ?? 0),
    problems: [
      ...(isTooOld
        ? [{ found: `version ${version} is too old`, fix: `Install ${VERSION_MIN.join(".")} or newer` }]
        : []),
      ...(evictionPolicy === "noeviction"
        ? []
        : [
            {
              found: `jobs may be dropped when its memory is full: its policy is "${evictionPolicy}"`,
              fix: 'Set "maxmemory-policy noeviction" in redis.conf',
            },
          ]),
      ...(hasAppendOnlyFile
        ? []
        : [{ found: "jobs are forgotten when it restarts", fix: 'Set "appendonly yes" in redis.conf' }]),
    ],
  };
}

/** The first word of a server's refusal such as NOPERM, of what it says to a login with too few rights; its text may quote keys. */
export function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== "ReplyError") return undefined;
  return /^[A-Z]+/u.exec(error.message)?.[0] ?? "it refused the command";
}

/** Does what every worker does; rejects with the driver's error where the login may not. `prefix` is the start of the jobs' keys. */
export async function tryRights(client: Redis | Cluster, prefix: string): Promise<void> {
  await client.info();
  await client.eval("return redis.call('EXISTS', KEYS[1])", 1, `${prefix}:rights`);
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split(/\r?\n/u).flatMap((line) => {
      const at = line.indexOf(":");
      return at <= 0 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
    }),
  );
}
