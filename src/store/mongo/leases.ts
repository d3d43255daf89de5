import type { Leases } from "#store/lease.ts";
import type { Collections, LeaseRow } from "./collections.ts";
import { keyText } from "./keys.ts";
import { ignoreDuplicate } from "./records.ts";

export function mongoLeases({ lease: leases }: Collections): Leases {
  /** The record stays for ever: the next holder's fencing token must be larger. */
  function take(filter: object, holder: string, until: number): Promise<LeaseRow | null> {
    const change = { $set: { holder, until }, $inc: { token: 1 } };
    return leases.findOneAndUpdate(filter, change, { returnDocument: "after" }).lean<LeaseRow>();
  }

  return {
    async acquire(name, holder, ttlMs, nowMs) {
      const _id = keyText(name);
      const [by, until] = [keyText(holder), nowMs + ttlMs];
      const taken =
        (await take({ _id, until: { $lte: nowMs } }, by, until)) ?? (await take({ _id, holder: by }, by, until));
      if (taken !== null) return { name, holder, fencingToken: taken.token };
      const isFirst = (await ignoreDuplicate(leases.create({ _id, holder: by, token: 1, until }))) !== undefined;
      return isFirst ? { name, holder, fencingToken: 1 } : undefined;
    },
    async renew({ name, holder, fencingToken: token }, ttlMs, nowMs) {
      const held = { _id: keyText(name), holder: keyText(holder), token, until: { $gt: nowMs } };
      return (await leases.updateOne(held, { $set: { until: nowMs + ttlMs } })).matchedCount === 1;
    },
    async release({ name, holder, fencingToken: token }) {
      await leases.updateOne({ _id: keyText(name), holder: keyText(holder), token }, { $set: { until: 0 } });
    },
  };
}
