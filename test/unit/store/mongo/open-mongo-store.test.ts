import { type AddressInfo, connect as connectTo, createServer } from "node:net";
import { setImmediate as letOthers, setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import { layAside, openAside } from "#store/mongo/archive-import.ts";
import { openCollections } from "#store/mongo/collections.ts";
import { connect } from "#store/mongo/connect.ts";
import { type MongoStore, openMongoStore } from "#store/mongo/open-mongo-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleChange,
  sampleMessage,
  sampleSetting,
  sampleTurn,
} from "../../../contract/sample-records.ts";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

const SECRET = "zanzibar";
const WORKSPACE = SCOPE.workspaceId;

test("openMongoStore() tells the hosts, and never the password, when nothing answers", {
  timeout: 30_000,
}, async () => {
  const uri = "mongodb://me:s3cret-w0rd@127.0.0.1:9/chat?serverSelectionTimeoutMS=300";
  const cause = await openMongoStore({ uri, now: Date.now }).catch((reason: unknown) => reason);

  expect(cause).toMatchObject({ code: "STORE_UNREACHABLE", message: expect.stringContaining('"127.0.0.1:9"') });
  expect(`${inspect(cause, { depth: 9 })} ${describeError(cause)}`).not.toContain("s3cret");
});

test.each([
  "mongodb://me:s3cret@w0rd@h/x",
  "mongodb://me:s3cret@/x",
  "mongodb://me:s3cret@h:bad/x",
  "mongodb://me:s3cret@h/x?nope=1",
  "mongodb://me:s3cret@h/x?authMechanism=nope",
  "nonsense:s3cret",
])("openMongoStore() refuses the address %s, which no server can have, and tells no password", async (uri) => {
  const cause = await openMongoStore({ uri, now: Date.now }).catch((reason: unknown) => reason);

  expect(cause).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("MONGODB_URI") });
  expect(inspect(cause, { depth: 9 })).not.toContain("s3cret");
});

describe.skipIf(mongoPeer === undefined)("openMongoStore() (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("refuses a database that a newer program wrote, and changes nothing", async () => {
    const uri = peer.uri();
    const { connection } = await openTempMongoStore(uri);
    const numbers = connection.collection<{ _id: string; value: number }>("number");
    await numbers.updateOne({ _id: "record turn" }, { $set: { value: 99 } });

    await expect(openMongoStore({ uri, now: Date.now })).rejects.toMatchObject({ code: "STORE_TOO_NEW" });
    await numbers.updateOne({ _id: "record turn" }, { $set: { value: 1 } });
    await numbers.updateOne({ _id: "schema" }, { $set: { value: 99 } });
    await expect(openMongoStore({ uri, now: Date.now })).rejects.toMatchObject({ code: "STORE_TOO_NEW" });
  });

  test.skipIf(isRealMongo)("tells an outage in our words when the server goes in the middle of it", async () => {
    const uri = await openWireCutAt(peer.uri(), "createIndexes");

    const cause = await openMongoStore({ uri, now: Date.now }).catch((reason: unknown) => reason);

    expect(cause).toMatchObject({ code: "STORE_UNREACHABLE", message: expect.stringContaining(new URL(uri).host) });
  });

  test("logs hosts and database, without credentials, and migrates once", async () => {
    const uri = peer.uri();
    const lines: string[] = [];
    const write = (fields: object, name: string) => lines.push(`${name} ${JSON.stringify(fields)}`);
    const log = { info: write, warn: write, error: write, debug: write } as unknown as Log;
    await openTempMongoStore(uri, { log });
    await openTempMongoStore(uri, { log });

    expect(lines.map((line) => line.split(" ")[0])).toEqual(["store.migrated", "store.opened", "store.opened"]);
  });

  test("readCounts() counts what a writer wrote who was killed before the end of its note", async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(uri);
    const { intent, turnRow } = (await openPast(uri)).rows;
    await store.chat.saveTurn(sampleTurn());
    await store.chat.putFeedback(sampleChange({ score: 5 }));
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 2, conversations: 1, raters: 1 });
    const { audience, conversation } = (await turnRow.findOne({ _id: "t1" }).lean()) ?? {};
    const day = Math.floor(NOON_MS / 86_400_000);
    const distinct = [
      JSON.stringify(["conversation", audience, "support", conversation]),
      JSON.stringify(["rater", audience, "support", "ana"]),
    ];
    const note = { days: [JSON.stringify([audience, "support", day])], distinct, rated: [], fresh: [], settings: 0 };
    await intent.create({ _id: "killed", at: NOON_MS - 120_000, is_done: 0, ...note });
    await turnRow.updateOne({ _id: "t1" }, { $set: { status: "superseded" } });

    const none = { messages: 0, conversations: 0, raters: 0, feedback: 0, examples: 0 };
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject(none);
    expect(await intent.countDocuments({})).toBe(0);
  });

  test("readCounts() keeps the note of a writer that may still be writing", async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(uri);
    const { intent } = (await openPast(uri)).rows;
    const note = { days: [], distinct: [], rated: [], fresh: [], settings: 0 };
    await intent.create({ _id: "writing", at: NOON_MS - 1000, is_done: 0, ...note });
    await store.learning.readCounts(SCOPE, 0);

    expect(await intent.countDocuments({})).toBe(1);
  });

  test("settingsRevision() grows when a writer was killed between a setting and its revision", async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(uri);
    const { intent } = (await openPast(uri)).rows;
    const note = { days: [], distinct: [], rated: [], fresh: [], settings: 1 };
    await intent.create({ _id: "killed", at: NOON_MS - 120_000, is_done: 0, ...note });
    await store.learning.listScopes();

    expect(await store.settings.settingsRevision()).toBe(1);
  });

  test("a turn that was stored while its person was erased loses its words, whoever was killed meanwhile", async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(uri);
    const { intent } = (await openPast(uri)).rows;
    await store.chat.saveTurn(sampleTurn({ question: SECRET }));
    await store.people.recordDeletion({ workspaceId: WORKSPACE, userId: "ana", atMs: NOON_MS + 9 });
    const note = { days: [], distinct: [], rated: [], fresh: ["t1"], settings: 0 };
    await intent.create({ _id: "killed", at: NOON_MS - 120_000, is_done: 0, ...note });
    await store.learning.listScopes();

    expect(await store.chat.findTurn("t1")).toMatchObject({ status: "deleted", question: "" });
  });

  test("saveTurn() and erasePerson() at once leave no word", async () => {
    const store = await openTempMongoStore(peer.uri());
    const ids = Array.from({ length: 12 }, (_, index) => `t${index}`);
    const saving = ids.map((id) => store.chat.saveTurn(sampleTurn({ id, conversationId: id, question: SECRET })));
    await letOthers();
    await Promise.all([...saving, store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS + 9)]);

    const questions = await Promise.all(ids.map(async (id) => (await store.chat.findTurn(id))?.question));
    expect(questions).toEqual(ids.map(() => ""));
    expect(await store.learning.readCounts(SCOPE, 0)).toMatchObject({ messages: 0, conversations: 0 });
  });

  test("putFeedback() of many people at once, from two processes, loses none", async () => {
    const uri = peer.uri();
    const [one, two] = [await openTempMongoStore(uri), await openTempMongoStore(uri)];
    await one.chat.saveTurn(sampleTurn());
    const users = Array.from({ length: 24 }, (_, index) => `u${String(index).padStart(2, "0")}`);
    await Promise.all(
      users.map((userId, index) => (index % 2 === 0 ? one : two).chat.putFeedback(sampleChange({ userId, score: 4 }))),
    );

    expect((await one.chat.listFeedback("t1")).map(({ userId }) => userId)).toEqual(users);
    expect(await two.learning.readCounts(SCOPE, 0)).toMatchObject({ feedback: 24, raters: 24, scoreSum: 96 });
  });

  test.each(["erasePerson", "erasePlace"] as const)(
    "resumeErasures() erases the rest when %s() was cut short",
    async (erase) => {
      const uri = peer.uri();
      const store = await openMongoStore({ uri, now: () => NOON_MS });
      const ids = Array.from({ length: 40 }, (_, index) => `t${index}`);
      for (const id of ids) await store.chat.saveTurn(sampleTurn({ id, question: SECRET }));
      const cut =
        erase === "erasePerson"
          ? store.privacy.erasePerson(WORKSPACE, "ana", NOON_MS)
          : store.privacy.erasePlace({ workspaceId: WORKSPACE, channelId: "web" }, NOON_MS);
      const ended = expect(cut).rejects.toThrow();
      await untilSomeErased(store, ids);
      await store.connection.close(true);
      await ended;

      const next = await openTempMongoStore(uri);
      const left = (await next.privacy.exportPerson(WORKSPACE, "ana")).turns.length;
      expect(left).toBeGreaterThan(0);
      expect(left).toBeLessThan(ids.length);
      expect((await next.privacy.resumeErasures()).turnIds.length).toBeGreaterThanOrEqual(left - 1);
      expect((await next.privacy.exportPerson(WORKSPACE, "ana")).turns).toEqual([]);
      expect(await next.privacy.resumeErasures()).toEqual({ turnIds: [], feedback: 0 });
    },
  );

  /** Past the store: what a process that was killed, or another program, would have left. */
  async function openPast(uri: string) {
    const connection = await connect(uri);
    onTestFinished(() => connection.close());
    return { connection, rows: openCollections(connection) };
  }

  async function untilSomeErased({ chat }: MongoStore, ids: readonly string[]): Promise<void> {
    for (;;) {
      if ((await chat.findTurn(ids[3] ?? ""))?.question === "") return;
      await sleep(1);
    }
  }

  test("a start ends an import that was killed after its last line was checked", async () => {
    const uri = peer.uri();
    const from = await openTempMongoStore(peer.uri());
    await from.chat.saveTurn(sampleTurn());
    await from.chat.putFeedback(sampleChange({ score: 5 }));
    await from.chat.acceptEvent("e1", sampleMessage(), 1);
    await from.settings.putSetting(sampleSetting());
    const to = await openTempMongoStore(uri);
    await to.chat.saveTurn(sampleTurn({ id: "replaced" }));
    const { rows, connection } = await openPast(uri);
    await layAside(rows, openAside(connection), from.archive.exportLines());
    await to.connection.collection<{ _id: string; value: number }>("number").insertOne({ _id: "import", value: 1 });

    const next = await openTempMongoStore(uri);
    expect(await next.chat.findTurn("replaced")).toBeUndefined();
    expect(await next.chat.findTurn("t1")).toEqual(sampleTurn());
    expect(await next.chat.listFeedback("t1")).toEqual(await from.chat.listFeedback("t1"));
    expect(await next.learning.readCounts(SCOPE, 0)).toEqual(await from.learning.readCounts(SCOPE, 0));
    expect(await next.settings.listSettings()).toEqual([sampleSetting()]);
    expect(await next.connection.collection("import_aside").countDocuments({})).toBe(0);
  });
});

/** The address of a way to the server that is gone as soon as the driver says this word. */
async function openWireCutAt(uri: string, word: string): Promise<string> {
  const { hostname, port, pathname } = new URL(uri);
  let isCut = false;
  const relay = createServer((near) => {
    const far = connectTo(Number(port), hostname);
    const end = () => {
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) socket.on("error", end).on("close", end);
    near.on("data", (bytes) => {
      isCut ||= bytes.includes(word);
      if (isCut) end();
      else far.write(bytes);
    });
    far.pipe(near);
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void relay.close());
  return `mongodb://127.0.0.1:${(relay.address() as AddressInfo).port}${pathname}?serverSelectionTimeoutMS=300`;
}
