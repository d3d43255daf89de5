import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTrainingSetup } from "#config/training-setup.ts";

function programWith(text: string | undefined): string {
  const directory = mkdtempSync(join(tmpdir(), "reactune-program-"));
  mkdirSync(join(directory, ".assets"));
  if (text !== undefined) writeFileSync(join(directory, ".assets", "training-setup.json"), text);
  return directory;
}

test("readTrainingSetup() gives the state when a living set-up wrote it", () => {
  const state = { state: "preparing", message: "installing", hint: "", pid: process.pid };

  expect(readTrainingSetup(programWith(JSON.stringify(state)))).toEqual(state);
});

test("readTrainingSetup() says failed when the set-up that prepared is dead", () => {
  const dead = { state: "preparing", message: "installing", hint: "", pid: 2 ** 30 };

  expect(readTrainingSetup(programWith(JSON.stringify(dead)))).toMatchObject({
    state: "failed",
    hint: expect.stringContaining("npm start"),
  });
});

test.each([undefined, "", "{", '{"state":"odd"}'])(
  "readTrainingSetup() gives nothing when the file holds %j",
  (text) => {
    expect(readTrainingSetup(programWith(text))).toBeUndefined();
  },
);
