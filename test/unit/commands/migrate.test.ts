import { expect, test } from "vitest";
import { migrate } from "#commands/migrate.ts";
import { openTempStore } from "../store/sqlite/temp-store.ts";
import { openTrainingWorld } from "../trainer/training-world.ts";
import { recordingOutput } from "./recording-output.ts";

const options = { isDryRun: false, isJson: false };

test("migrate() moves everything and tells each kind's count", async () => {
  const { store, scope } = await openTrainingWorld({ liked: 3 });
  const copy = openTempStore();
  const { output, printed } = recordingOutput();
  await migrate(store, copy, options, output);

  expect(printed).toContainEqual(expect.stringMatching(/^turn +3 {2}[0-9a-f]{16}$/u));
  expect(printed.at(-1)).toMatch(/^Moved \d+ records and 0 adapters \(0 B\); both stores are equal$/u);
  expect(await copy.learning.readCounts(scope, 0)).toEqual(await store.learning.readCounts(scope, 0));
});

test("migrate() says what would move, and prints nothing but JSON for scripts, in a dry run", async () => {
  const { store, scope } = await openTrainingWorld({ liked: 3 });
  const copy = openTempStore();
  const { output, printed } = recordingOutput();
  await migrate(store, copy, { isDryRun: true, isJson: true }, output);
  await migrate(store, copy, { ...options, isDryRun: true }, output);

  expect(JSON.parse(printed[0] ?? "")).toMatchObject({ isDryRun: true, kinds: { turn: { records: 3 } }, files: 0 });
  expect(printed.at(-1)).toMatch(/^Would move \d+ records .*; nothing was changed$/u);
  expect((await copy.learning.readCounts(scope, 0)).messages).toBe(0);
});
