import { expect, test } from "vitest";
import type { Leases } from "#store/lease.ts";

/** What all Leases promise. `open` gives two views of one empty store, as two processes have them. */
export function leaseContract(open: () => Promise<readonly [Leases, Leases]>): void {
  test("acquire() gives a name to one holder until its time is over", async () => {
    const [one, two] = await open();
    const lease = await one.acquire("train", "a", 100, 0);

    expect(lease).toMatchObject({ name: "train", holder: "a" });
    expect(await two.acquire("train", "b", 100, 99)).toBeUndefined();
    expect(await two.acquire("other", "b", 100, 99)).toBeDefined();
    expect(await two.acquire("train", "b", 100, 100)).toBeDefined();
  });

  test("acquire() gives a larger fencing token to every new holder, also after a release", async () => {
    const [one, two] = await open();
    const first = await one.acquire("train", "a", 100, 0);
    if (first === undefined) throw new Error("nobody held it");
    await one.release(first);
    const second = await two.acquire("train", "b", 100, 1);
    const third = await one.acquire("train", "a", 100, 200);

    expect(second?.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(third?.fencingToken).toBeGreaterThan(second?.fencingToken ?? Number.NaN);
  });

  test("renew() prolongs a lease and is false when somebody else has it", async () => {
    const [one, two] = await open();
    const lease = await one.acquire("train", "a", 100, 0);
    if (lease === undefined) throw new Error("nobody held it");

    expect(await one.renew(lease, 100, 50)).toBe(true);
    expect(await two.acquire("train", "b", 100, 149)).toBeUndefined();
    expect(await two.acquire("train", "b", 100, 150)).toBeDefined();
    expect(await one.renew(lease, 100, 160)).toBe(false);
  });

  test("renew() is false when the time was over, though nobody took it", async () => {
    const [one] = await open();
    const lease = await one.acquire("train", "a", 100, 0);
    if (lease === undefined) throw new Error("nobody held it");

    expect(await one.renew(lease, 100, 100)).toBe(false);
  });

  test("release() of a lost lease leaves the new holder alone", async () => {
    const [one, two] = await open();
    const lease = await one.acquire("train", "a", 100, 0);
    if (lease === undefined) throw new Error("nobody held it");
    await two.acquire("train", "b", 100, 100);
    await one.release(lease);

    expect(await one.acquire("train", "a", 100, 101)).toBeUndefined();
  });

  test("acquire() lets one of many racers win", async () => {
    const views = await open();
    const race = await Promise.all(
      Array.from({ length: 10 }, (_, index) => views[index % 2 === 0 ? 0 : 1].acquire("train", `${index}`, 100, 0)),
    );

    expect(race.filter((lease) => lease !== undefined)).toHaveLength(1);
  });
}
