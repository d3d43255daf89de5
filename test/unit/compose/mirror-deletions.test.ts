import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { mirrorDeletions } from "#compose/mirror-deletions.ts";
import { openStores } from "#compose/open-stores.ts";
import { loadConfig } from "#config/load.ts";
import { readSystem } from "#config/system.ts";
import { openDeletionLog } from "#store/files/deletion-log.ts";
import { recordingLog } from "../../fixtures/redis/start-redis.ts";
import { makeTempFolder } from "../store/sqlite/temp-store.ts";

const LOOK_MS = 20;

/** One database, and two machines with a log each. */
async function openMachines() {
  const workingDirectory = makeTempFolder();
  const config = await loadConfig({ ...readSystem(), argvSettings: [], environment: {}, workingDirectory });
  const first = await openStores(config, recordingLog());
  const path = join(makeTempFolder(), "deletions.jsonl");
  const second = mirrorDeletions({ ...first, deletions: openDeletionLog(path) }, recordingLog(), LOOK_MS);
  onTestFinished(() => second.close());
  return { first, second, lines: () => readFileSync(path, "utf8").split("\n") };
}

test("mirrorDeletions() notes once whom another machine erased, and where", async () => {
  const { first, second, lines } = await openMachines();
  const [deletion, place] = [
    { workspaceId: "slack:T1", userId: "ana", atMs: 5 },
    { workspaceId: "slack:T1", channelId: "C1", atMs: 6 },
  ];

  await first.privacy.erasePerson(deletion.workspaceId, deletion.userId, deletion.atMs);
  await first.privacy.erasePlace({ workspaceId: place.workspaceId, channelId: place.channelId }, place.atMs);

  const entries = [
    { kind: "deletion", record: deletion },
    { kind: "erased-place", record: place },
  ];
  await vi.waitFor(async () => expect(await second.deletions.read()).toEqual(entries), { timeout: 5000 });
  await first.privacy.erasePerson(deletion.workspaceId, deletion.userId, 7);
  await vi.waitFor(async () => expect(lines()).toHaveLength(3), { timeout: 5000 });
  expect(await second.deletions.read()).toContainEqual({ kind: "deletion", record: { ...deletion, atMs: 7 } });
});
