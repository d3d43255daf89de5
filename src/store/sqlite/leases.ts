import type { Leases } from "#store/lease.ts";
import { keyText } from "./columns.ts";
import type { Sql } from "./sql.ts";

export function sqliteLeases(sql: Sql): Leases {
  const find = sql.prepare<{ holder: string; fencing_token: number; until: number }>(
    "SELECT holder, fencing_token, until FROM lease WHERE name = :name",
  );
  const save = sql.prepare(`
    INSERT INTO lease (name, holder, fencing_token, until) VALUES (:name, :holder, :token, :until)
    ON CONFLICT DO UPDATE SET holder = excluded.holder, fencing_token = excluded.fencing_token, until = excluded.until`);
  const held = "name = :name AND holder = :holder AND fencing_token = :token";
  const renew = sql.prepare(`UPDATE lease SET until = :until WHERE ${held} AND until > :nowMs`);
  // The row stays: the next holder's fencing token must be larger.
  const release = sql.prepare(`UPDATE lease SET until = 0 WHERE ${held}`);

  return {
    async acquire(name, holder, ttlMs, nowMs) {
      return sql.write(() => {
        const row = find.get({ name: keyText(name) });
        if (row !== undefined && row.until > nowMs && row.holder !== keyText(holder)) return undefined;
        const token = (row?.fencing_token ?? 0) + 1;
        save.run({ name: keyText(name), holder: keyText(holder), token, until: nowMs + ttlMs });
        return { name, holder, fencingToken: token };
      });
    },
    async renew({ name, holder, fencingToken: token }, ttlMs, nowMs) {
      const params = { name: keyText(name), holder: keyText(holder), token, until: nowMs + ttlMs, nowMs };
      return renew.run(params) === 1;
    },
    async release({ name, holder, fencingToken: token }) {
      release.run({ name: keyText(name), holder: keyText(holder), token });
    },
  };
}
