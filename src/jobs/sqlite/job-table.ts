import type { Job, JobQueue, JobRequest } from "#jobs/job-queue.ts";
import type { JobDatabase } from "./job-database.ts";

/** Every change of a job's row. A worker's changes count only while the row still carries its claim. */
export interface JobTable extends Pick<JobQueue, "get" | "list" | "prune"> {
  enqueue(request: JobRequest, nowMs: number): Job;
  /** The most urgent due job whose key is free; jobs that died too often are failed on the way. */
  claim(kind: string, claim: string, leaseMs: number, nowMs: number): Job | undefined;
  /** Where the claim stands; `renewMs` prolongs its lease. */
  check(id: string, claim: string, renewUntilMs?: number): "held" | "cancelled" | "lost";
  end(id: string, claim: string, end: JobEnd): void;
  /** `nowMs` tells a dead worker's job from a running one. */
  cancel(id: string, nowMs: number): boolean;
}

/** `queued` puts the job back: `attempts` tries are counted and it is due at `dueAtMs`. */
export type JobEnd =
  | { readonly state: "succeeded" | "cancelled" | "failed"; readonly endedAtMs: number; readonly error?: string }
  | { readonly state: "queued"; readonly dueAtMs: number; readonly attempts: number; readonly error?: string };

interface Row {
  readonly id: string;
  readonly request: string;
  readonly state: Job["state"];
  readonly attempts: number;
  readonly attempts_max: number;
  readonly created_at: number;
  readonly ended_at: number | null;
  readonly error: string | null;
  readonly lease_until: number;
  readonly is_cancelled: number;
}

const COLUMNS = "id, request, state, attempts, attempts_max, created_at, ended_at, error, lease_until, is_cancelled";

export function sqliteJobTable(database: JobDatabase): JobTable {
  const find = database.prepare<Row>(`SELECT ${COLUMNS} FROM job WHERE id = :id`);
  const list = database.prepare<Row>(`
    SELECT ${COLUMNS} FROM job WHERE :kind IS NULL OR kind = :kind ORDER BY created_at DESC, rowid DESC LIMIT :limit`);
  const insert = database.prepare(`
    INSERT INTO job (id, kind, job_key, priority, attempts_max, due_at, state, attempts, created_at, lease_until,
      is_cancelled, request)
    VALUES (:id, :kind, :key, :priority, :attemptsMax, :dueAt, 'queued', 0, :nowMs, 0, 0, :request)
    ON CONFLICT DO NOTHING`);
  const findDue = database.prepare<Row>(`
    SELECT ${COLUMNS} FROM job AS due
    WHERE kind = :kind AND state IN ('queued', 'running')
      AND ((state = 'queued' AND due_at <= :nowMs) OR (state = 'running' AND lease_until <= :nowMs))
      AND NOT EXISTS (SELECT 1 FROM job WHERE job_key = due.job_key AND state = 'running' AND lease_until > :nowMs)
    ORDER BY priority DESC, due_at, rowid LIMIT 1`);
  const start = database.prepare(`
    UPDATE job SET state = 'running', attempts = attempts + 1, worker = :claim, lease_until = :leaseUntil WHERE id = :id`);
  const held = "id = :id AND worker = :claim AND state = 'running'";
  const findHeld = database.prepare<{ is_cancelled: number }>(`SELECT is_cancelled FROM job WHERE ${held}`);
  const renew = database.prepare(`UPDATE job SET lease_until = :until WHERE ${held}`);
  const finish = database.prepare(`
    UPDATE job SET state = :state, ended_at = :endedAt, error = :error WHERE ${held}`);
  const putBack = database.prepare(`
    UPDATE job SET state = 'queued', due_at = :dueAt, attempts = :attempts, error = :error WHERE ${held}`);
  const askToStop = database.prepare("UPDATE job SET is_cancelled = 1 WHERE id = :id");
  const prune = database.prepare(`
    DELETE FROM job WHERE rowid IN (SELECT rowid FROM job
      WHERE state IN ('succeeded', 'failed', 'cancelled') AND ended_at < :before ORDER BY ended_at LIMIT :limit)`);
  const endNow = database.prepare(`
    UPDATE job SET state = :state, ended_at = :nowMs, error = :error, worker = NULL WHERE id = :id`);

  /** Undefined when there is nothing left to try with this job: it is ended then. */
  function takeOver(row: Row, nowMs: number): Row | undefined {
    if (row.is_cancelled === 1) endNow.run({ id: row.id, state: "cancelled", nowMs, error: null });
    else if (row.attempts >= row.attempts_max) {
      const error = `Cannot finish the job: its worker stopped without a word, ${row.attempts} tries are used up`;
      endNow.run({ id: row.id, state: "failed", nowMs, error: JSON.stringify(error) });
    } else return row;
    return undefined;
  }

  return {
    enqueue(request, nowMs) {
      const { id, kind, key, priority, attemptsMax, notBeforeMs } = request;
      insert.run({
        id: keyText(id),
        kind: keyText(kind),
        key: keyText(key),
        priority,
        attemptsMax,
        dueAt: notBeforeMs ?? nowMs,
        nowMs,
        request: JSON.stringify(request),
      });
      const row = find.get({ id: keyText(id) });
      if (row === undefined) throw new Error(`Cannot enqueue job "${id}": its row is gone`);
      return toJob(row);
    },
    claim(kind, claim, leaseMs, nowMs) {
      // A look costs no lock; most find nothing.
      if (findDue.get({ kind: keyText(kind), nowMs }) === undefined) return undefined;
      return database.write(() => {
        for (;;) {
          const due = findDue.get({ kind: keyText(kind), nowMs });
          if (due === undefined) return undefined;
          const row = due.state === "running" ? takeOver(due, nowMs) : due;
          if (row === undefined) continue;
          start.run({ id: row.id, claim, leaseUntil: nowMs + leaseMs });
          return toJob({ ...row, state: "running", attempts: row.attempts + 1 });
        }
      });
    },
    check(id, claim, renewUntilMs) {
      const row = findHeld.get({ id: keyText(id), claim });
      if (row === undefined) return "lost";
      if (row.is_cancelled === 1) return "cancelled";
      if (renewUntilMs !== undefined) renew.run({ id: keyText(id), claim, until: renewUntilMs });
      return "held";
    },
    end(id, claim, end) {
      const held = { id: keyText(id), claim, error: end.error === undefined ? null : JSON.stringify(end.error) };
      if (end.state === "queued") putBack.run({ ...held, dueAt: end.dueAtMs, attempts: end.attempts });
      else finish.run({ ...held, state: end.state, endedAt: end.endedAtMs });
    },
    cancel(id, nowMs) {
      return database.write(() => {
        const row = find.get({ id: keyText(id) });
        if (row === undefined || (row.state !== "queued" && row.state !== "running")) return false;
        const isAlive = row.state === "running" && row.lease_until > nowMs;
        if (isAlive) askToStop.run({ id: row.id });
        else endNow.run({ id: row.id, state: "cancelled", nowMs, error: null });
        return true;
      });
    },
    async prune(before, limit) {
      return prune.run({ before, limit });
    },
    async get(id) {
      const row = find.get({ id: keyText(id) });
      return row && toJob(row);
    },
    async list({ kind, limit }) {
      return list.all({ kind: kind === undefined ? null : keyText(kind), limit }).map(toJob);
    },
  };
}

function toJob(row: Row): Job {
  return {
    ...(JSON.parse(row.request) as JobRequest),
    state: row.state,
    attempts: row.attempts,
    createdAtMs: row.created_at,
    ...(row.ended_at === null ? {} : { endedAtMs: row.ended_at }),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as string }),
  };
}

/** SQLite's text ends at NUL and knows no lone surrogates: both are written as in JSON. */
function keyText(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
