import { expect, test } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { Archive } from "#store/archive.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { OpenedPrivacy } from "./privacy-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleAdapter,
  sampleChange,
  sampleConversation,
  sampleDataset,
  sampleInstallation,
  sampleMessage,
  sampleReport,
  sampleRun,
  sampleService,
  sampleSetting,
  sampleTurn,
} from "./sample-records.ts";

export interface OpenedStore extends OpenedPrivacy {
  readonly models: ModelStore;
}

const WORKSPACE = SCOPE.workspaceId;
const HEADER = JSON.stringify({ kind: "header", version: 1 });
const KINDS = [
  "adapter",
  "audit-entry",
  "conversation",
  "dataset",
  "deletion",
  "delivery",
  "erased-place",
  "feedback",
  "inbox-event",
  "installation",
  "mark",
  "model-use",
  "permission",
  "report",
  "run",
  "run-event",
  "service",
  "setting",
  "turn",
  "user-choice",
];

/** One record of every kind, two turns that belong together, and text that is hard to write down. */
async function fill(store: OpenedStore): Promise<void> {
  const { chat, learning, people, models, moderation, settings, platforms, privacy } = store;
  await chat.acceptEvent("e1", sampleMessage({ text: "line\nend \u0000 \ud800 😀" }), 1);
  await chat.saveConversation(sampleConversation({ title: '\u2028 "quoted"' }));
  await chat.saveTurn(sampleTurn({ inputTurnIds: ["t0"] }));
  await chat.saveTurn(sampleTurn({ id: "t2", cache: { hit: "exact", reason: "same", sourceTurnId: "t1" } }));
  await chat.putFeedback(sampleChange({ score: 5, emoji: "😍", comment: "good" }));
  await chat.saveDelivery({ turnId: "t1", part: 0, state: "posted", messageId: "m", changedAtMs: 2 });
  await learning.saveDataset(sampleDataset());
  await learning.saveRun(sampleRun());
  await learning.appendRunEvent({ runId: "run-1", atMs: 3, level: "warning", message: "slow" });
  await learning.saveAdapter(sampleAdapter());
  await learning.compareAndSetService(sampleService(), 0);
  await people.putPermission({
    workspaceId: WORKSPACE,
    level: "adapters",
    grantedBy: "eve",
    wordingVersion: 1,
    changedAtMs: 4,
  });
  await people.putChoice({ workspaceId: WORKSPACE, userId: "cy", learns: false, changedAtMs: 5 });
  await people.appendAudit({ id: "a1", atMs: 6, who: "eve", what: "permission.changed" });
  await people.recordDeletion({ workspaceId: WORKSPACE, userId: "dora", atMs: 7 });
  await settings.putSetting(sampleSetting({ channelId: "web" }));
  await moderation.saveReport(sampleReport());
  await platforms.saveInstallation(sampleInstallation());
  await platforms.takeMark("notice local:home web", 8);
  await privacy.erasePlace({ workspaceId: WORKSPACE, channelId: "gone" }, 8);
  await models.saveUse({ modelDigest: "m", modelName: "tiny", atMs: 8, failed: false, totalMs: 9.5, replyTokens: 3 });
}

async function linesOf(archive: Archive): Promise<string[]> {
  const lines = [];
  for await (const line of archive.exportLines()) lines.push(line);
  return lines;
}

async function* stream(lines: Iterable<string>): AsyncGenerator<string> {
  yield* lines;
}

function importAll(store: OpenedStore, lines: Iterable<string>, replace = false) {
  return store.archive.importLines(stream(lines), { replace });
}

/** Everything but the moment of the export. */
async function recordsOf(store: OpenedStore): Promise<readonly string[]> {
  return (await linesOf(store.archive)).slice(1);
}

/** What every Archive promises. `open` gives an empty store. */
export function archiveContract(open: () => Promise<OpenedStore>): void {
  test("exportLines() writes one line of JSON per record, after a header", async () => {
    const store = await open();
    await fill(store);
    const [header, ...records] = (await linesOf(store.archive)).map((line) => JSON.parse(line));

    expect(header).toMatchObject({ kind: "header", version: 1 });
    expect([...new Set(records.map(({ kind }) => kind))].sort()).toEqual(KINDS);
    expect(records).toContainEqual({ kind: "run", version: 1, record: sampleRun() });
    for (const line of await linesOf(store.archive)) expect(line).not.toMatch(/[\n\r\u2028\u2029]/u);
  });

  test("importLines() makes a store that exports the same and counts the same", async () => {
    const [from, to] = [await open(), await open()];
    await fill(from);
    const imported = await importAll(to, await linesOf(from.archive));

    expect(imported.records).toBe(KINDS.length + 1);
    expect(Array.from(imported.byKind.keys()).sort()).toEqual(KINDS);
    expect(imported.byKind.get("turn")).toBe(2);
    expect(await recordsOf(to)).toEqual(await recordsOf(from));
    for (const domain of ["support", ALL_DOMAINS]) {
      const counts = await from.learning.readCounts({ ...SCOPE, domain }, 0);
      expect(counts).toMatchObject({ messages: 4, examples: 1, raters: 1 });
      expect(await to.learning.readCounts({ ...SCOPE, domain }, 0)).toEqual(counts);
    }
    const query = { scope: SCOPE, sinceMs: 0, limit: 9 };
    expect(await to.learning.pageRatedTurns(query)).toEqual(await from.learning.pageRatedTurns(query));
    expect((await to.chat.findTurnByMessage(WORKSPACE, "web", "t2-reply"))?.id).toBe("t2");
    expect((await to.chat.claimEvent({ claimedBy: "x", nowMs: 9, leaseMs: 9 }))?.id).toBe("e1");
  });

  test("importLines() gives a store that goes on: events are known, run events are numbered on", async () => {
    const [from, to] = [await open(), await open()];
    await fill(from);
    await importAll(to, await linesOf(from.archive));

    expect(await to.chat.acceptEvent("e1", sampleMessage(), 9)).toBe(false);
    const event = await to.learning.appendRunEvent({ runId: "run-1", atMs: 9, level: "info", message: "on" });
    expect(event.sequence).toBe(2);
    expect(await to.learning.compareAndSetService(sampleService({ epoch: 2 }), 1)).toBe(true);
  });

  test("importLines() refuses a store that is not empty unless it may replace it", async () => {
    const [from, to] = [await open(), await open()];
    await fill(from);
    await to.chat.saveTurn(sampleTurn({ id: "other" }));
    await to.people.recordDeletion({ workspaceId: WORKSPACE, userId: "erased later", atMs: 9 });
    const lines = await linesOf(from.archive);
    const before = await recordsOf(to);

    await expect(importAll(to, lines)).rejects.toMatchObject({ code: "IMPORT_INVALID" });
    expect(await recordsOf(to)).toEqual(before);
    await importAll(to, lines, true);
    expect(await to.chat.findTurn("other")).toBeUndefined();
    // Whose data went after the export was made is not forgotten.
    expect((await to.people.listDeletions()).map(({ userId }) => userId)).toEqual(["dora", "erased later"]);
    expect(await to.learning.readCounts(SCOPE, 0)).toEqual(await from.learning.readCounts(SCOPE, 0));
  });

  test("importLines() brings back no words of people, places and turns that were erased since the export", async () => {
    const [from, to] = [await open(), await open()];
    const turns = {
      person: { askerId: "dan" },
      place: { channelId: "private" },
      one: {},
      old: { askedAtMs: 1 },
      kept: {},
    };
    for (const store of [from, to]) {
      for (const [id, changes] of Object.entries(turns)) {
        await store.chat.saveTurn(sampleTurn({ id, conversationId: id, question: `zanzibar ${id}`, ...changes }));
        await store.chat.saveConversation(sampleConversation({ id, title: `zanzibar ${id}` }));
      }
      await store.chat.putFeedback(sampleChange({ turnId: "kept", userId: "dan", comment: "zanzibar of dan" }));
      await store.chat.acceptEvent("e1", sampleMessage({ userId: "dan", text: "zanzibar of an event" }), 1);
    }
    const lines = await linesOf(from.archive);
    await to.privacy.erasePerson(WORKSPACE, "dan", NOON_MS + 9999);
    await to.privacy.erasePlace({ workspaceId: WORKSPACE, channelId: "private" }, NOON_MS + 9999);
    await to.privacy.eraseTurn("one");
    await to.privacy.eraseBefore(WORKSPACE, NOON_MS, 9);
    await importAll(to, lines, true);

    const found = (await recordsOf(to)).flatMap((line) => line.match(/zanzibar \w+( \w+)*/gu) ?? []);
    expect([...new Set(found)]).toEqual(["zanzibar kept"]);
    expect(await to.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 2, feedback: 0 });
    await to.chat.saveTurn(sampleTurn({ id: "one", question: "zanzibar" }));
    expect((await to.chat.findTurn("one"))?.question).toBe("");
  });

  test("importLines() keeps what people said after they were erased", async () => {
    const [from, to] = [await open(), await open()];
    await from.privacy.erasePerson(WORKSPACE, "ana", NOON_MS - 1);
    await from.privacy.erasePlace({ workspaceId: WORKSPACE }, NOON_MS - 1);
    await from.settings.putSetting(sampleSetting());
    await from.chat.saveTurn(sampleTurn());
    await importAll(to, await linesOf(from.archive));

    expect(await to.chat.findTurn("t1")).toEqual(sampleTurn());
    expect(await to.settings.listSettings()).toEqual([sampleSetting()]);
  });

  test("importLines() tells running processes that settings changed", async () => {
    const store = await open();
    await store.settings.putSetting(sampleSetting());
    const revision = await store.settings.settingsRevision();
    await importAll(store, [HEADER], true);

    expect(await store.settings.listSettings()).toEqual([]);
    expect(await store.settings.settingsRevision()).toBeGreaterThan(revision);
  });

  test("importLines() empties the cache when it replaces a store", async () => {
    const store = await open();
    const vector = new Float32Array([1, 0]);
    const times = { createdAtMs: NOON_MS, expiresAtMs: NOON_MS + 9, hits: 0 };
    await store.cache.put({ scope: "s", question: "q", reply: "r", turnId: "t1", domain: "d", vector, ...times }, 9);
    const nearest = { scope: "s", vector, similarityMin: 0, limit: 1, nowMs: NOON_MS };
    expect(await store.cache.findNearest(nearest)).toHaveLength(1);
    await importAll(store, [HEADER], true);

    expect(await store.cache.findNearest(nearest)).toEqual([]);
    expect((await store.cache.stats()).entries).toBe(0);
  });

  const run = { kind: "run", version: 1, record: sampleRun() };
  const line = (fields: object) => JSON.stringify({ ...run, ...fields });
  test.each([
    { name: "bad JSON", lines: [HEADER, line({}), "{"], number: 3, why: "not JSON" },
    { name: "an unknown kind", lines: [HEADER, line({ kind: "__proto__" })], number: 2, why: "__proto__" },
    { name: "a version too new", lines: [HEADER, line({ version: 99 })], number: 2, why: "99" },
    { name: "a version below one", lines: [HEADER, line({ version: 0 })], number: 2, why: "version" },
    { name: "missing fields", lines: [HEADER, line({ record: { id: "r" } })], number: 2, why: "schema" },
    { name: "a list", lines: [HEADER, line({ record: [] })], number: 2, why: "schema" },
    { name: "no record", lines: [HEADER, `{"kind":"run","version":1}`], number: 2, why: "" },
    { name: "the same id twice", lines: [HEADER, line({}), line({})], number: 3, why: "before" },
    { name: "10 MB on one line", lines: [HEADER, line({}), `"${"x".repeat(10_000_000)}"`], number: 3, why: "limit" },
    { name: "a deep nest", lines: [HEADER, `${"[".repeat(1_000_000)}`], number: 2, why: "" },
    { name: "no header", lines: [line({})], number: 1, why: "header" },
    { name: "a header too new", lines: [`{"kind":"header","version":2}`], number: 1, why: "2" },
    { name: "nothing at all", lines: [], number: 1, why: "empty" },
    {
      name: "fewer records than told",
      lines: [`{"kind":"header","version":1,"records":2}`, line({})],
      number: 2,
      why: "2",
    },
  ])("importLines() names the line and changes nothing when there is $name", async ({ lines, number, why }) => {
    const store = await open();
    await fill(store);
    const before = await recordsOf(store);
    const message = new RegExp(`line ${number}: .*${why}`, "u");

    await expect(importAll(store, lines, true)).rejects.toMatchObject({
      code: "IMPORT_INVALID",
      message: expect.stringMatching(message),
    });
    expect(await recordsOf(store)).toEqual(before);
  });

  test("importLines() changes nothing when the lines break off", async () => {
    const store = await open();
    await fill(store);
    const before = await recordsOf(store);
    async function* breaking(): AsyncGenerator<string> {
      yield HEADER;
      yield line({});
      throw new Error("the disk is gone");
    }

    await expect(store.archive.importLines(breaking(), { replace: true })).rejects.toThrow("the disk is gone");
    expect(await recordsOf(store)).toEqual(before);
  });

  test("exportLines() shows one moment though the store is written to meanwhile, and may be left early", async () => {
    const store = await open();
    for (let index = 0; index < 3; index += 1) await store.chat.saveTurn(sampleTurn({ id: `t${index}` }));
    const lines = [];
    for await (const exported of store.archive.exportLines()) {
      lines.push(exported);
      await store.chat.saveTurn(sampleTurn({ id: `z${lines.length}` }));
    }
    expect(lines).toHaveLength(4);

    for await (const _ of store.archive.exportLines()) break;
    await store.chat.saveTurn(sampleTurn({ id: "after" }));
    expect((await linesOf(store.archive)).length).toBe(9);
  });
}
