import { expect, test } from "vitest";
import { evictErased } from "#store/evict-erased.ts";
import { DAY_MS, NOON_MS, SCOPE, sampleTurn } from "../../contract/sample-records.ts";
import { openTempStore } from "./sqlite/temp-store.ts";

async function openErasing() {
  const store = openTempStore();
  const evicted: string[] = [];
  const cache = {
    evictTurn: async (turnId: string) => {
      // Before the words are gone an eviction could be undone by a put.
      expect((await store.chat.findTurn(turnId))?.status).toBe("deleted");
      return evicted.push(turnId);
    },
  };
  await store.chat.saveTurn(sampleTurn({ id: "t1" }));
  return { privacy: evictErased(store.privacy, cache), evicted, store, turn: sampleTurn({ id: "t1" }) };
}

test("evictErased() evicts what each kind of erasure erased, after the words are gone", async () => {
  const { workspaceId } = SCOPE;
  const erasures = [
    ({ privacy }: Awaited<ReturnType<typeof openErasing>>) => privacy.eraseTurn("t1"),
    ({ privacy, turn }: Awaited<ReturnType<typeof openErasing>>) =>
      privacy.erasePerson(workspaceId, turn.askerId, NOON_MS + DAY_MS),
    ({ privacy }: Awaited<ReturnType<typeof openErasing>>) => privacy.erasePlace({ workspaceId }, NOON_MS + DAY_MS),
    ({ privacy }: Awaited<ReturnType<typeof openErasing>>) =>
      privacy.eraseBefore(workspaceId, NOON_MS + 1000 * DAY_MS, 10),
  ];
  for (const erase of erasures) {
    const world = await openErasing();

    expect(await erase(world)).toMatchObject({ turnIds: ["t1"] });
    expect(world.evicted).toEqual(["t1"]);
  }
});

test("evictErased() leaves what was not erased", async () => {
  const { privacy, evicted, turn } = await openErasing();
  await privacy.eraseBefore(SCOPE.workspaceId, 0, 10);
  await privacy.resumeErasures();

  expect(evicted).toEqual([]);
  expect(await privacy.listWorkspaces()).toEqual([turn.workspaceId]);
  expect((await privacy.exportPerson(turn.workspaceId, turn.askerId)).turns).toHaveLength(1);
});
