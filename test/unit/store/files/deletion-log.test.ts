import { appendFileSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { logDeletions } from "#store/deletion-log.ts";
import { openDeletionLog } from "#store/files/deletion-log.ts";
import { makeTempFolder, openTempStore } from "../sqlite/temp-store.ts";

const person = (userId: string, atMs: number) =>
  ({ kind: "deletion", record: { workspaceId: "slack:T1", userId, atMs } }) as const;

test("openDeletionLog() keeps the newest of each person and place, in a file for the owner alone", async () => {
  const path = join(makeTempFolder(), "new", "deletions.jsonl");
  const log = openDeletionLog(path);
  const place = { kind: "erased-place", record: { workspaceId: "slack:T1", channelId: "C1", atMs: 5 } } as const;
  const workspace = { kind: "erased-place", record: { workspaceId: "slack:T1", atMs: 6 } } as const;

  expect(await log.read()).toEqual([]);
  for (const entry of [person("ana", 1), place, person("ben", 3), person("ana", 2), workspace]) await log.append(entry);

  expect(await openDeletionLog(path).read()).toEqual([person("ana", 2), place, person("ben", 3), workspace]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("openDeletionLog() reads past a line that a kill cut short, and writes on behind it", async () => {
  const path = join(makeTempFolder(), "deletions.jsonl");
  const log = openDeletionLog(path);
  await log.append(person("ana", 1));
  appendFileSync(path, '\n{"kind":"deletion","ver');

  await log.append(person("ben", 2));

  expect(await log.read()).toEqual([person("ana", 1), person("ben", 2)]);
});

test("logDeletions() writes down whose words go before they go, and no words", async () => {
  const { privacy } = openTempStore();
  const path = join(makeTempFolder(), "deletions.jsonl");
  const log = openDeletionLog(path);
  const logged = logDeletions(
    {
      ...privacy,
      erasePerson: async () => {
        throw new Error("killed");
      },
    },
    log,
  );

  await expect(logged.erasePerson("slack:T1", "ana", 7)).rejects.toThrow("killed");
  await logged.erasePlace({ workspaceId: "slack:T1", channelId: "C1" }, 8);

  expect(await log.read()).toEqual([
    person("ana", 7),
    { kind: "erased-place", record: { workspaceId: "slack:T1", channelId: "C1", atMs: 8 } },
  ]);
  expect(readFileSync(path, "utf8").split("\n")).toHaveLength(2);
});
