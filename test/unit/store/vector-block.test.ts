import { expect, test } from "vitest";
import { toBytes, toVector, vectorBlock } from "#store/vector-block.ts";

const query = new Float32Array([1, 0, 0]);
const at = (cosine: number) => new Float32Array([cosine, Math.sqrt(1 - cosine * cosine), 0]);

test("vectorBlock() finds what stands where after many were added and removed", () => {
  const block = vectorBlock<string>(3);
  for (let index = 0; index < 100; index += 1) block.add(`v${index}`, 1000, at(index / 100));
  for (let index = 0; index < 100; index += 2) block.remove(`v${index}`);
  block.remove("v98");
  block.remove("v97");
  block.add("v97", 1000, at(0.1));

  expect(block.size()).toBe(50);
  const found = block.findNearest(query, 0.9, 3, 999);
  expect(found.map(({ id }) => id)).toEqual(["v99", "v95", "v93"]);
  expect(found[0]?.similarity).toBeCloseTo(0.99, 5);
  expect(block.findNearest(query, -1, 3, 1000)).toEqual([]);
});

test("toVector() reads what toBytes() wrote, also from bytes that begin anywhere", () => {
  const bytes = Buffer.concat([Buffer.from([7]), toBytes(at(0.5).subarray(0, 2))]).subarray(1);

  expect(toVector(bytes)).toEqual(at(0.5).subarray(0, 2));
});
