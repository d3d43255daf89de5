import { createHash } from "node:crypto";
import type { Cluster, Redis } from "ioredis";
import { z } from "zod";
import type { Job, JobRequest } from "#jobs/job-queue.ts";

/**
 * What BullMQ does not know of a job stands in the job's own hash, in fields that begin with `our`, so that both come and go
 * together: its state and tries as the port counts them, and who holds it. BullMQ decides when which worker looks at a job; these
 * fields decide what happens then. Each change is one script, and a worker's changes count only while the job carries its claim.
 *   PREFIX:QUEUE:JOB       BullMQ's hash of a job
 *   PREFIX:our:id          hash: job -> queue; an id is one job over all kinds
 *   PREFIX:our:created[:QUEUE]  PREFIX:our:ended   sorted sets of QUEUE/JOB, by number of creation and by end
 *   PREFIX:our:key:KEY     claim of the worker that runs a job of this key; expires with its lease
 */
export interface JobRecords {
  readonly names: JobNames;
  /** The queue in which the id stands; `queue` for a new one. */
  register(id: string, queue: string): Promise<string>;
  read(place: JobPlace): Promise<Job | undefined>;
  find(id: string): Promise<JobPlace | undefined>;
  listPlaces(queue: string | undefined, limit: number): Promise<readonly JobPlace[]>;
  listEnded(beforeMs: number, limit: number): Promise<readonly JobPlace[]>;
  forget(place: JobPlace): Promise<void>;
  cancel(place: JobPlace, key: string, nowMs: number): Promise<boolean>;
}

/** A worker's side: over a connection that waits while Redis is away. */
export interface JobClaims {
  read(place: JobPlace): Promise<Job | undefined>;
  /** The job with the try counted, or why it does not run now. */
  start(place: JobPlace, key: string, claim: JobClaim, graceMs: number): Promise<Job | "busy" | "ended">;
  check(place: JobPlace, key: string, claim: JobClaim): Promise<"held" | "cancelled" | "lost">;
  /** What became of it: it may have been cancelled or lost meanwhile. */
  end(place: JobPlace, key: string, claim: JobClaim, end: JobEnd): Promise<JobEnd["state"] | "cancelled" | "lost">;
}

export interface JobPlace {
  readonly queue: string;
  readonly job: string;
}

export interface JobClaim {
  readonly token: string;
  readonly leaseMs: number;
  readonly nowMs: number;
}

/** `queued` puts the job back; `isTryCounted` false as if it had not been tried. */
export interface JobEnd {
  readonly state: "succeeded" | "failed" | "queued";
  readonly isTryCounted: boolean;
  readonly error?: string;
}

export interface JobNames {
  /** BullMQ's prefix, with the hash tag that keeps a cluster's keys together. */
  readonly prefix: string;
  queueOf(kind: string): string;
  jobOf(id: string): string;
  keyOf(place: JobPlace): string;
}

const Request = z.object({
  id: z.string(),
  kind: z.string(),
  key: z.string(),
  payload: z.unknown(),
  priority: z.number(),
  attemptsMax: z.number(),
  notBeforeMs: z.number().optional(),
});
const Data = z.object({ request: z.string() });
const State = z.enum(["queued", "running", "succeeded", "failed", "cancelled"]);

export function jobNames(prefix: string): JobNames {
  const tagged = `{${prefix}:jobs}`;
  return {
    prefix: tagged,
    // Readable where it may be: the name stands in BullMQ's own pages.
    queueOf: (kind) => (/^[\w-]{1,40}$/u.test(kind) ? `kind-${kind}` : `hash-${hashOf(kind)}`),
    jobOf: (id) => `j${hashOf(id)}`,
    keyOf: ({ queue, job }) => `${tagged}:${queue}:${job}`,
  };
}

const REGISTER = `
local queue = redis.call('HGET', KEYS[1] .. ':id', ARGV[1])
if queue then return queue end
local number = redis.call('INCR', KEYS[1] .. ':last')
local member = ARGV[2] .. '/' .. ARGV[1]
redis.call('HSET', KEYS[1] .. ':id', ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[1] .. ':created', number, member)
redis.call('ZADD', KEYS[1] .. ':created:' .. ARGV[2], number, member)
return ARGV[2]
`;

const FORGET = `
local member = ARGV[2] .. '/' .. ARGV[1]
redis.call('HDEL', KEYS[1] .. ':id', ARGV[1])
for _, name in ipairs({ 'created', 'created:' .. ARGV[2], 'ended' }) do redis.call('ZREM', KEYS[1] .. ':' .. name, member) end
return 1
`;

/** KEYS: the job, its key's claim, all ended jobs. ARGV: member of the ended jobs, nowMs, then the script's own. */
const END = `
local job, held, ended = KEYS[1], KEYS[2], KEYS[3]
local function stop(state, err)
  redis.call('HSET', job, 'ourState', state, 'ourEndedAt', ARGV[2])
  if err == '' then redis.call('HDEL', job, 'ourError') else redis.call('HSET', job, 'ourError', err) end
  redis.call('ZADD', ended, ARGV[2], ARGV[1])
end
local row = redis.call('HMGET', job, 'ourState', 'ourClaim', 'ourCancel', 'ourTries')
local state, claim, cancel, tries = row[1] or 'queued', row[2], row[3], tonumber(row[4] or '0')
local isOver = state ~= 'queued' and state ~= 'running'
`;

/**
 * ARGV 3 to 7: claim, leaseMs, attemptsMax, error when a dead worker's try was the last, graceMs. After the server was away a worker
 * that lives has lost its lease like one that died: it has the grace to come back before its job is taken over. Said twice by one
 * claim it counts once: a connection that was cut repeats what was not answered.
 */
const START = `${END}
if isOver or redis.call('EXISTS', job) == 0 then return 'ended' end
local holder = redis.call('GET', held)
if holder == ARGV[3] and claim == ARGV[3] then return 'started' end
if holder then return 'busy' end
if cancel then
  stop('cancelled', '')
  return 'ended'
end
if state == 'running' then
  local time = redis.call('TIME')
  local nowMs = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  redis.call('HSETNX', job, 'ourDoubtedAt', string.format('%.0f', nowMs))
  if nowMs - tonumber(redis.call('HGET', job, 'ourDoubtedAt')) < tonumber(ARGV[7]) then return 'busy' end
end
redis.call('HDEL', job, 'ourDoubtedAt')
if tries >= tonumber(ARGV[5]) then
  stop('failed', ARGV[6])
  return 'ended'
end
redis.call('SET', held, ARGV[3], 'PX', ARGV[4])
redis.call('HSET', job, 'ourState', 'running', 'ourClaim', ARGV[3], 'ourTries', tries + 1)
return 'started'
`;

/** ARGV 3 and 4: claim, leaseMs. A lease that ran out while nobody else took the key is held again. */
const CHECK = `${END}
if state ~= 'running' or claim ~= ARGV[3] then return 'lost' end
local holder = redis.call('GET', held)
if holder and holder ~= ARGV[3] then return 'lost' end
redis.call('SET', held, ARGV[3], 'PX', ARGV[4])
redis.call('HDEL', job, 'ourDoubtedAt')
return cancel and 'cancelled' or 'held'
`;

/** ARGV 3 to 6: claim, state, error or '', whether the try counts. */
const FINISH = `${END}
if redis.call('GET', held) == ARGV[3] then redis.call('DEL', held) end
if state ~= 'running' or claim ~= ARGV[3] then return 'lost' end
redis.call('HDEL', job, 'ourClaim', 'ourDoubtedAt')
if cancel then
  stop('cancelled', '')
  return 'cancelled'
end
if ARGV[4] ~= 'queued' then
  stop(ARGV[4], ARGV[5])
  return ARGV[4]
end
redis.call('HSET', job, 'ourState', 'queued')
if ARGV[5] ~= '' then redis.call('HSET', job, 'ourError', ARGV[5]) end
if ARGV[6] ~= '1' then redis.call('HINCRBY', job, 'ourTries', -1) end
return 'queued'
`;

/** What a living worker runs is asked to stop; everything else ends here. */
const CANCEL = `${END}
if isOver or redis.call('EXISTS', job) == 0 then return 0 end
if state == 'running' and redis.call('GET', held) == claim then
  redis.call('HSET', job, 'ourCancel', 1)
  return 1
end
stop('cancelled', '')
return 1
`;

export function jobRecords(client: Redis | Cluster, names: JobNames): JobRecords {
  const ours = `${names.prefix}:our`;
  return {
    names,
    async register(id, queue) {
      return String(await client.eval(REGISTER, 1, ours, names.jobOf(id), queue));
    },
    read: (place) => readJob(client, names, place),
    async find(id) {
      const job = names.jobOf(id);
      const queue = await client.hget(`${ours}:id`, job);
      return queue === null ? undefined : { queue, job };
    },
    async listPlaces(queue, limit) {
      if (limit <= 0) return [];
      const members = await client.zrevrange(`${ours}:created${queue === undefined ? "" : `:${queue}`}`, 0, limit - 1);
      return members.map(toPlace);
    },
    async listEnded(beforeMs, limit) {
      const members = await client.zrangebyscore(`${ours}:ended`, "-inf", `(${beforeMs}`, "LIMIT", 0, limit);
      return members.map(toPlace);
    },
    async forget({ queue, job }) {
      await client.eval(FORGET, 1, ours, job, queue);
    },
    async cancel(place, key, nowMs) {
      return (await client.eval(CANCEL, 3, ...keysOf(names, place, key), memberOf(place), nowMs)) === 1;
    },
  };
}

export function jobClaims(client: Redis | Cluster, names: JobNames): JobClaims {
  return {
    read: (place) => readJob(client, names, place),
    async start(place, key, { token, leaseMs, nowMs }, graceMs) {
      const job = await readJob(client, names, place);
      if (job === undefined) return "ended";
      const error = `Cannot finish the job: its worker stopped without a word, ${job.attempts} tries are used up`;
      const own = [memberOf(place), nowMs, token, leaseMs, job.attemptsMax, JSON.stringify(error), graceMs];
      const answer = await client.eval(START, 3, ...keysOf(names, place, key), ...own);
      if (answer !== "started") return answer === "busy" ? "busy" : "ended";
      return (await readJob(client, names, place)) ?? "ended";
    },
    async check(place, key, { token, leaseMs, nowMs }) {
      const answer = await client.eval(CHECK, 3, ...keysOf(names, place, key), memberOf(place), nowMs, token, leaseMs);
      return z.enum(["held", "cancelled", "lost"]).parse(answer);
    },
    async end(place, key, { token, nowMs }, { state, error, isTryCounted }) {
      const text = error === undefined ? "" : JSON.stringify(error);
      const own = [memberOf(place), nowMs, token, state, text, isTryCounted ? 1 : 0];
      const answer = await client.eval(FINISH, 3, ...keysOf(names, place, key), ...own);
      return z.enum(["succeeded", "failed", "queued", "cancelled", "lost"]).parse(answer);
    },
  };
}

async function readJob(client: Redis | Cluster, names: JobNames, place: JobPlace): Promise<Job | undefined> {
  const fields = ["data", "timestamp", "ourState", "ourTries", "ourEndedAt", "ourError"] as const;
  const [data, createdAt, state, tries, endedAt, error] = await client.hmget(names.keyOf(place), ...fields);
  if (data === null || data === undefined) return undefined;
  return {
    ...readRequest(JSON.parse(data)),
    state: State.parse(state ?? "queued"),
    attempts: Number(tries ?? 0),
    createdAtMs: Number(createdAt),
    ...(typeof endedAt === "string" ? { endedAtMs: Number(endedAt) } : {}),
    ...(typeof error === "string" ? { error: String(JSON.parse(error)) } : {}),
  };
}

export function readRequest(data: unknown): JobRequest {
  const { notBeforeMs, payload, ...request } = Request.parse(JSON.parse(Data.parse(data).request));
  return { ...request, payload, ...(notBeforeMs === undefined ? {} : { notBeforeMs }) };
}

function keysOf(names: JobNames, place: JobPlace, key: string): readonly [string, string, string] {
  return [names.keyOf(place), `${names.prefix}:our:key:${hashOf(key)}`, `${names.prefix}:our:ended`];
}

function memberOf({ queue, job }: JobPlace): string {
  return `${queue}/${job}`;
}

function toPlace(member: string): JobPlace {
  const at = member.indexOf("/");
  return { queue: member.slice(0, at), job: member.slice(at + 1) };
}

/** Of the escaped text: two different lone surrogates have the same UTF-8. No colon: BullMQ divides keys by it. */
function hashOf(text: string): string {
  return createHash("sha256").update(JSON.stringify(text)).digest("base64url");
}
