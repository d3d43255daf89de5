import { readFileSync } from "node:fs";
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

test.each(["erasePerson", "erasePlace", "eraseBefore"] as const)(
  "%s() leaves no word in the file or its log",
  async (erase) => {
    const path = join(makeTempFolder(), "reactune.db");
    const store = openTempStore(path);
    const untilNow = () => [path, `${path}-wal`].map((file) => readFileSync(file).includes(SECRET));
    for (const id of ids) await store.chat.saveTurn(sampleTurn({ id, question: SECRET, reply: SECRET.repeat(900) }));
    expect(untilNow()).toContain(true);

    if (erase === "erasePerson") await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS);
    else if (erase === "erasePlace") await store.privacy.erasePlace({ workspaceId: WORKSPACE }, NOON_MS);
    else await store.privacy.eraseBefore(WORKSPACE, NOON_MS + 1, 999);

    expect(untilNow()).toEqual([false, false]);
  },
);

test("erasePerson() ends though somebody reads an older state meanwhile", async () => {
  const store = openTempStore();
  await store.chat.saveTurn(sampleTurn({ question: SECRET }));
  const lines = store.archive.exportLines()[Symbol.asyncIterator]();
  await lines.next();

  expect((await store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS)).turnIds).toEqual(["t1"]);
  expect((await store.chat.findTurn("t1"))?.question).toBe("");
  await lines.return?.();
  await store.chat.saveTurn(sampleTurn({ id: "t2", askedAtMs: NOON_MS + 1 }));
});
