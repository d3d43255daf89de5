import { expect, test } from "vitest";
import { recent } from "#store/mongo/recent.ts";

test("recent() keeps what was put last, undefined included, and lets go of the rest", () => {
  const values = recent<number | undefined>(2);
  values.put("a", 1);
  values.put("b", undefined);
  values.put("a", 2);
  values.put("c", 3);

  expect([values.get("a"), values.has("b"), values.get("c")]).toEqual([2, false, 3]);
  values.drop("a");
  expect(values.has("a")).toBe(false);
});
