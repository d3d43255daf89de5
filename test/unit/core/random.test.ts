import { expect, test } from "vitest";
import { pick, seededRandom } from "#core/random.ts";

test("seededRandom() gives the same numbers for the same seed, spread over [0, 1)", () => {
  const [one, same, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
  const draw = (random: () => number) => Array.from({ length: 1000 }, random);
  const numbers = draw(one);

  expect(draw(same)).toEqual(numbers);
  expect(draw(other)).not.toEqual(numbers);
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...numbers)).toBeLessThan(1);
  expect(numbers.reduce((sum, value) => sum + value, 0) / 1000).toBeCloseTo(0.5, 1);
});

test("pick() takes every element about equally often", () => {
  const random = seededRandom(1);
  const picked = Array.from({ length: 3000 }, () => pick(["a", "b", "c"], random));

  for (const item of ["a", "b", "c"]) expect(picked.filter((each) => each === item).length).toBeGreaterThan(900);
});

test("pick() throws when there is nothing to pick", () => {
  expect(() => pick([], () => 0)).toThrow(RangeError);
});
