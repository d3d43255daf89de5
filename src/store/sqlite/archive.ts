import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreBusyError } from "#core/errors.ts";
import type { Archive } from "#store/archive.ts";
import type { Lease } from "#store/lease.ts";
import { asidePath } from "./archive-aside.ts";
import { exportRecords } from "./archive-export.ts";
import { endImport, importProgress, importRecords } from "./archive-import.ts";
import { sqliteLeases } from "./leases.ts";
import { Sql } from "./sql.ts";

export interface SqliteArchive extends Archive {
  /**
   * Ends an import that was killed after its last line was checked, removes what is left of one that was killed before; nothing while
   * another process is at it. To be called at every start.
   */
  resumeImport(): Promise<void>;
}

const LEASE = "archive import";
/** Renewed while an import runs: who comes after one that was killed waits no longer than this to end it. */
const LEASE_MS = 30_000;
const RENEW_MS = 5000;
const TRY_MS = 500;

/**
 * Every record of section 5 of the design. Not in it: cache entries and vectors, which are made anew; jobs, leases and how far a
 * platform's events were seen, which belong to the machine: an old place in that stream would have old questions answered again. Both ways work on a connection of their own, so that the store goes on meanwhile.
 */
export function sqliteArchive(
  path: string,
  { now, busyMs }: { readonly now: () => number; readonly busyMs: number },
): SqliteArchive {
  const open = () => new Sql(path, { durability: "full", busyMs });

  async function changeRecords<T>(change: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = open();
    try {
      const result = await change(sql);
      // All of it stands in the log, which nothing makes smaller by itself.
      await sql.emptyLog();
      return result;
    } finally {
      sql.close();
    }
  }

  return {
    async *exportLines() {
      const sql = open();
      try {
        yield* exportRecords(sql, now());
      } finally {
        sql.close();
      }
    },
    importLines: (lines, { replace }) =>
      changeRecords(async (sql) => {
        const lease = await acquire(sql, now, () => false);
        if (lease === undefined) throw new StoreBusyError(LEASE_MS);
        return await holding(sql, lease, now, async () => {
          await endImport(sql);
          return await importRecords(sql, lines, replace);
        });
      }),
    async resumeImport() {
      const sql = open();
      const isUnfinished = importProgress(sql) !== undefined;
      sql.close();
      // What was killed before its last line was checked left people's words beside the store.
      if (!isUnfinished && !existsSync(asidePath(path))) return;
      await changeRecords(async (own) => {
        const before = signOfLife(own);
        const lease = await acquire(own, now, () => signOfLife(own) !== before);
        if (lease !== undefined) await holding(own, lease, now, () => endImport(own));
      });
    },
  };
}

/** Another one while a process is at an import: it notes how far it came, and renews its lease. */
function signOfLife(sql: Sql): string {
  const lease = sql.prepare<{ until: number }>("SELECT until FROM lease WHERE name = :name").get({ name: LEASE });
  return JSON.stringify([importProgress(sql), lease?.until]);
}

/** Undefined when another process holds it for all that time, or `isInVain`. */
async function acquire(sql: Sql, now: () => number, isInVain: () => boolean): Promise<Lease | undefined> {
  const leases = sqliteLeases(sql);
  const [holder, startedAt] = [randomUUID(), performance.now()];
  while (!isInVain()) {
    const lease = await leases.acquire(LEASE, holder, LEASE_MS, now());
    if (lease !== undefined || performance.now() - startedAt > LEASE_MS + RENEW_MS) return lease;
    await sleep(TRY_MS);
  }
  return undefined;
}

async function holding<T>(sql: Sql, lease: Lease, now: () => number, act: () => Promise<T>): Promise<T> {
  const leases = sqliteLeases(sql);
  const renewing = setInterval(() => {
    leases.renew(lease, LEASE_MS, now()).catch(() => {}); // busy: the next try is soon enough
  }, RENEW_MS);
  try {
    return await act();
  } finally {
    clearInterval(renewing);
    await leases.release(lease);
  }
}
