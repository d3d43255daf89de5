import { expect, test } from "vitest";
import type { CacheEntry, SemanticCache } from "#store/semantic-cache.ts";

/** A unit vector at an angle; two of them have the cosine of the angles' difference. */
function vectorAt(degrees: number, dimensions = 6): Float32Array {
  const radians = (degrees / 180) * Math.PI;
  const vector = new Float32Array(dimensions);
  vector[1] = Math.cos(radians);
  vector[dimensions - 1] = Math.sin(radians);
  return vector;
}

function sampleEntry(changes: Partial<CacheEntry> = {}): CacheEntry {
  return {
    scope: "s1",
    question: "how do i return a kettle",
    reply: "Within 30 days.",
    turnId: "t1",
    domain: "support",
    createdAtMs: 10,
    expiresAtMs: 1000,
    hits: 0,
    ...changes,
  };
}

/** What every SemanticCache promises. `open` gives two views of one empty cache, as two processes have them. */
export function semanticCacheContract(open: () => Promise<readonly [SemanticCache, SemanticCache]>): void {
  const nearest = { scope: "s1", vector: vectorAt(0), similarityMin: 0.5, limit: 5, nowMs: 20 };
  const near = async (cache: SemanticCache, changes = {}) =>
    (await cache.findNearest({ ...nearest, ...changes })).map(({ entry }) => entry.question);

  test("get() gives the entry of exactly this question in this scope, until it expires", async () => {
    const [cache] = await open();
    const entry = sampleEntry({ vector: vectorAt(3) });
    await cache.put(entry, 10);

    expect(await cache.get("s1", entry.question, 999)).toEqual({ ...entry, hits: 1 });
    expect(await cache.get("s1", entry.question, 1000)).toBeUndefined();
    expect(await cache.get("s2", entry.question, 20)).toBeUndefined();
    expect(await cache.get("s1", `${entry.question} `, 20)).toBeUndefined();
  });

  test("get() counts hits, which inspect() shows", async () => {
    const [cache] = await open();
    await cache.put(sampleEntry(), 10);
    for (let count = 0; count < 3; count += 1) await cache.get("s1", sampleEntry().question, 20);

    expect((await cache.inspect(1))[0]?.hits).toBe(3);
  });

  test("put() replaces the entry of the same question", async () => {
    const [cache] = await open();
    await cache.put(sampleEntry({ vector: vectorAt(0) }), 10);
    await cache.put(sampleEntry({ reply: "Within 14 days.", turnId: "t2", vector: vectorAt(10) }), 10);

    expect((await cache.get("s1", sampleEntry().question, 20))?.reply).toBe("Within 14 days.");
    const found = await cache.findNearest(nearest);
    expect(found).toHaveLength(1);
    expect(found[0]?.similarity).toBeCloseTo(Math.cos(Math.PI / 18), 5);
  });

  test("put() drops the oldest of a scope when there are too many, from memory too", async () => {
    const [cache] = await open();
    for (const [index, question] of ["a", "b", "c", "d"].entries()) {
      await cache.put(sampleEntry({ question, createdAtMs: index, vector: vectorAt(index) }), 2);
      await cache.findNearest(nearest);
    }
    await cache.put(sampleEntry({ scope: "s2", vector: vectorAt(0) }), 2);

    expect(await near(cache)).toEqual(["c", "d"]);
    expect(await cache.get("s1", "a", 20)).toBeUndefined();
    expect((await cache.stats()).entries).toBe(3);
  });

  test("findBySignature() gives the few newest entries of the signature, within its scope and time", async () => {
    const [cache] = await open();
    for (let index = 0; index < 7; index += 1) {
      await cache.put(sampleEntry({ question: `q${index}`, signature: "kettle", createdAtMs: index }), 10);
    }
    await cache.put(sampleEntry({ question: "expired", signature: "kettle", createdAtMs: 8, expiresAtMs: 20 }), 10);
    await cache.put(sampleEntry({ question: "elsewhere", signature: "kettle", scope: "s2" }), 10);
    await cache.put(sampleEntry({ question: "toaster", signature: "toaster" }), 10);
    await cache.put(sampleEntry({ question: "without" }), 10);

    const found = await cache.findBySignature("s1", "kettle", 20);
    expect(found.map(({ question }) => question)).toEqual(["q6", "q5", "q4", "q3", "q2"]);
    expect(found[0]).toEqual(sampleEntry({ question: "q6", signature: "kettle", createdAtMs: 6 }));
    expect(await cache.findBySignature("s1", "kettl", 20)).toEqual([]);
    expect(await cache.findBySignature("s1", "", 20)).toEqual([]);
  });

  test("findBySignature() finds nothing of what was replaced, evicted or cleared", async () => {
    const [one, two] = await open();
    await one.put(sampleEntry({ signature: "kettle" }), 10);
    await one.put(sampleEntry({ signature: "pot" }), 10);
    expect(await two.findBySignature("s1", "kettle", 20)).toEqual([]);
    expect(await two.findBySignature("s1", "pot", 20)).toHaveLength(1);

    await two.evictTurn("t1");
    expect(await one.findBySignature("s1", "pot", 20)).toEqual([]);
    await one.put(sampleEntry({ signature: "pot" }), 10);
    await two.clear();
    expect(await one.findBySignature("s1", "pot", 20)).toEqual([]);
  });

  test("findNearest() orders by falling cosine, within its limit, scope, bound and time", async () => {
    const [cache] = await open();
    for (const degrees of [40, 10, 80, 20, 30]) {
      await cache.put(sampleEntry({ question: `${degrees}`, vector: vectorAt(degrees) }), 10);
    }
    await cache.put(sampleEntry({ question: "expired", expiresAtMs: 20, vector: vectorAt(0) }), 10);
    await cache.put(sampleEntry({ question: "elsewhere", scope: "s2", vector: vectorAt(0) }), 10);
    await cache.put(sampleEntry({ question: "without" }), 10);
    await cache.put(sampleEntry({ question: "longer", vector: vectorAt(0, 12) }), 10);

    expect(await near(cache)).toEqual(["10", "20", "30", "40"]);
    expect(await near(cache, { limit: 2 })).toEqual(["10", "20"]);
    expect(await near(cache, { similarityMin: 0.9 })).toEqual(["10", "20"]);
    expect(await near(cache, { vector: vectorAt(0, 12) })).toEqual(["longer"]);
    expect((await cache.findNearest(nearest))[0]?.entry.hits).toBe(0);
  });

  test("findNearest() finds among many what a plain comparison finds", async () => {
    const [cache] = await open();
    for (let degrees = 0; degrees < 60; degrees += 1) {
      await cache.put(sampleEntry({ question: `${degrees}`, vector: vectorAt((degrees * 37) % 360, 7) }), 100);
    }
    const expected = Array.from({ length: 60 }, (_, index) => ({ index, off: (index * 37) % 360 }))
      .map(({ index, off }) => ({ index, cosine: Math.cos(((off - 5) / 180) * Math.PI) }))
      .sort((left, right) => right.cosine - left.cosine);

    const found = await cache.findNearest({ ...nearest, vector: vectorAt(5, 7), similarityMin: -1, limit: 10 });
    expect(found.map(({ similarity }) => similarity.toFixed(4))).toEqual(
      expected.slice(0, 10).map(({ cosine }) => cosine.toFixed(4)),
    );
  });

  test("evictTurn() removes every entry of a turn and tells how many", async () => {
    const [cache] = await open();
    await cache.put(sampleEntry({ vector: vectorAt(0) }), 10);
    await cache.put(sampleEntry({ scope: "s2", vector: vectorAt(0) }), 10);
    await cache.put(sampleEntry({ question: "other", turnId: "t2", vector: vectorAt(1) }), 10);
    await cache.findNearest(nearest);

    expect(await cache.evictTurn("t1")).toBe(2);
    expect(await cache.evictTurn("t1")).toBe(0);
    expect(await near(cache)).toEqual(["other"]);
    expect(await cache.get("s1", sampleEntry().question, 20)).toBeUndefined();
  });

  test("clear() removes what has expired, or all", async () => {
    const [cache] = await open();
    await cache.put(sampleEntry({ question: "old", expiresAtMs: 100 }), 10);
    await cache.put(sampleEntry({ question: "new", expiresAtMs: 200 }), 10);

    expect(await cache.clear(150)).toBe(1);
    expect((await cache.inspect(9)).map(({ question }) => question)).toEqual(["new"]);
    expect(await cache.clear()).toBe(1);
    expect((await cache.stats()).entries).toBe(0);
  });

  test("clear() in another process is seen at once", async () => {
    const [one, two] = await open();
    await one.put(sampleEntry({ vector: vectorAt(0) }), 10);
    expect(await near(one)).toHaveLength(1);
    expect(await near(two)).toHaveLength(1);

    await two.clear();

    expect(await near(one)).toEqual([]);
    expect(await one.get("s1", sampleEntry().question, 20)).toBeUndefined();
    await two.put(sampleEntry({ question: "again", vector: vectorAt(0) }), 10);
    expect(await near(one)).toEqual(["again"]);
  });

  test("stats() adds up outcomes of all processes", async () => {
    const [one, two] = await open();
    for (const outcome of ["exact", "exact", "near", "miss", "skipped"] as const) await one.count(outcome);
    await two.count("miss");
    await two.stats();

    expect(await one.stats()).toEqual({ entries: 0, exactHits: 2, nearHits: 1, misses: 2, skipped: 1, bytes: 0 });
  });

  test("inspect() gives the newest first", async () => {
    const [cache] = await open();
    for (const createdAtMs of [2, 3, 1]) await cache.put(sampleEntry({ question: `${createdAtMs}`, createdAtMs }), 10);

    expect((await cache.inspect(2)).map(({ question }) => question)).toEqual(["3", "2"]);
    expect((await cache.stats()).bytes).toBeGreaterThan(0);
  });

  test("get() gives back hostile text as it was", async () => {
    const [cache] = await open();
    for (const text of ["a\u0000b", "a", "\ud800", "\ud801", "'; --"]) {
      await cache.put(sampleEntry({ question: text, reply: `reply to ${text}` }), 10);
    }

    for (const text of ["a\u0000b", "a", "\ud800", "\ud801", "'; --"]) {
      expect((await cache.get("s1", text, 20))?.reply).toBe(`reply to ${text}`);
    }
  });
}
