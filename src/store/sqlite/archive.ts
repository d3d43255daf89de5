import type { Archive } from "#store/archive.ts";
import { exportRecords } from "./archive-export.ts";
import { importRecords } from "./archive-import.ts";
import { Sql } from "./sql.ts";

/**
 * Every record of section 5 of the design. Not in it: cache entries and vectors, which are made anew; jobs, leases and how far a
 * platform's events were seen, which belong to the machine: an old place in that stream would have old questions answered again. Both ways work on a connection of their own, so that the store goes on meanwhile.
 */
export function sqliteArchive(path: string, options: { readonly now: () => number; readonly busyMs: number }): Archive {
  const open = () => new Sql(path, { durability: "full", busyMs: options.busyMs });

  return {
    async *exportLines() {
      const sql = open();
      try {
        yield* exportRecords(sql, options.now());
      } finally {
        sql.close();
      }
    },
    async importLines(lines, { replace }) {
      const sql = open();
      try {
        const counts = await importRecords(sql, lines, replace);
        // All of it stands in the log, which nothing makes smaller by itself.
        await sql.emptyLog();
        return counts;
      } finally {
        sql.close();
      }
    },
  };
}
