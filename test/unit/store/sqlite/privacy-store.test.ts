import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as letOthers } from "node:timers/promises";
import { expect, test } from "vitest";
import { openSqliteStore } from "#store/sqlite/open-sqlite-store.ts";
import { privacyStoreContract } from "../../../contract/privacy-store.ts";
import { NOON_MS, SCOPE, sampleTurn } from "../../../contract/sample-records.ts";
import { makeTempFolder, openTempStore } from "./temp-store.ts";

privacyStoreContract(async () => openTempStore());

const SECRET = "zanzibar";
const WORKSPACE = SCOPE.workspaceId;
const ids = Array.from({ length: 120 }, (_, index) => `t${index}`);

test.each([
  { name: "a person", begin: "erasePerson" },
  { name: "a place", begin: "erasePlace" },
] as const)("resumeErasures() erases the rest when the program ended while it erased $name", async ({ begin }) => {
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now: () => NOON_MS });
  for (const id of ids) await store.chat.saveTurn(sampleTurn({ id, question: SECRET }));
  const cut =
    begin === "erasePerson"
      ? store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS)
      : store.privacy.erasePlace({ workspaceId: WORKSPACE, channelId: "web" }, NOON_MS);
  await letOthers();
  store.close();
  await expect(cut).rejects.toThrow();

  const next = openTempStore(path);
  const left = (await next.privacy.exportPerson(WORKSPACE, "ana")).turns.length;
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThan(ids.length);
  expect((await next.privacy.resumeErasures()).turnIds).toHaveLength(left);
  expect((await next.privacy.exportPerson(WORKSPACE, "ana")).turns).toEqual([]);
  expect(await next.privacy.resumeErasures()).toEqual({ turnIds: [], feedback: 0 });
});

test("erasePerson() lets other work come in between its writes", async () => {
  const store = openTempStore();
  for (const id of ids) await store.chat.saveTurn(sampleTurn({ id }));
  let isErasing = true;
  const erasing = store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS).finally(() => {
    isErasing = false;
  });
  let saves = 0;
  while (isErasing) {
    await store.chat.saveTurn(sampleTurn({ id: `s${saves}`, askerId: "ben", conversationId: "c2" }));
    saves += 1;
    await letOthers();
  }
  await erasing;

  expect(saves).toBeGreaterThan(2);
});

test("erasePerson() leaves no word in the file", async () => {
  const path = join(makeTempFolder(), "reactune.db");
  const store = openSqliteStore({ path, now: () => NOON_MS });
  for (const id of ids) await store.chat.saveTurn(sampleTurn({ id, question: SECRET, reply: SECRET.repeat(900) }));
  await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS);
  store.close();

  expect(readFileSync(path).includes(SECRET)).toBe(false);
  expect(existsSync(`${path}-wal`)).toBe(false);
});
