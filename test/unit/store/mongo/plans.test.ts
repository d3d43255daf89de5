import { describe, expect, test } from "vitest";
import { INDEXES } from "#store/mongo/indexes.ts";
import type { MongoStore } from "#store/mongo/open-mongo-store.ts";
import {
  NOON_MS,
  SCOPE,
  sampleAdapter,
  sampleChange,
  sampleConversation,
  sampleMessage,
  sampleReport,
  sampleRun,
  sampleService,
  sampleSetting,
  sampleTurn,
} from "../../../contract/sample-records.ts";
import { isRealMongo, mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";

/** Collections that hold a handful of records, and are read whole. */
const SMALL = ["unfinished_erasure", "cache_count", "intent", "number"];

/** What mongoose hands to the driver: a filter, and where it sorts, by what. */
interface Asked {
  readonly collection: string;
  readonly method: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly sort: Readonly<Record<string, unknown>>;
}

interface Profiled {
  readonly ns: string;
  readonly planSummary?: string;
  readonly command?: Readonly<Record<string, unknown>>;
}

/** What chat, learning and erasing ask for, once each. */
async function useEverything(store: MongoStore): Promise<void> {
  const { chat, learning, people, moderation, settings, platforms, privacy, vectors, models } = store;
  const place = { workspaceId: SCOPE.workspaceId, channelId: "web" };
  const cache = { hit: "exact", reason: "same", sourceTurnId: "t0" } as const;
  for (let index = 0; index < 20; index += 1) {
    const id = `t${index}`;
    await chat.acceptEvent(`e${index}`, sampleMessage({ messageId: `${id}-question` }), index);
    await chat.saveConversation(sampleConversation({ id }));
    await chat.saveTurn(
      sampleTurn({ id, conversationId: id, askedAtMs: NOON_MS + index, ...(index > 15 ? { cache } : {}) }),
    );
    await chat.putFeedback(sampleChange({ turnId: id, userId: `u${index}`, score: 5 }));
  }
  await chat.claimEvent({ claimedBy: "one", nowMs: 99, leaseMs: 9 });
  await chat.finishEvent("e0");
  await chat.pruneEvents(99, 9);
  await chat.findOpenConversation(place);
  await chat.listConversations({ ...place, limit: 9 });
  await chat.listConversations({ workspaceId: SCOPE.workspaceId, limit: 9 });
  await chat.findTurnByMessage(SCOPE.workspaceId, "web", "t3-reply");
  await chat.listHistory("t3", 9);
  await chat.listRecentReplies("local", 0, 9);
  await chat.saveDelivery({ turnId: "t1", part: 0, state: "posted", changedAtMs: 1 });
  await chat.listDeliveries("t1");
  await learning.readCounts(SCOPE, 0);
  await learning.listScopes();
  await learning.pageRatedTurns({ scope: SCOPE, sinceMs: 0, limit: 9 });
  await learning.pageRatedTurns({ scope: SCOPE, sinceMs: 0, limit: 9, after: "t3", isNewestFirst: true });
  await learning.saveRun(sampleRun());
  await learning.listRuns({ limit: 9 });
  await learning.listRuns({ scope: SCOPE, limit: 9 });
  await learning.appendRunEvent({ runId: "run-1", atMs: 1, level: "info", message: "on" });
  await learning.listRunEvents("run-1", 0, 9);
  await learning.saveAdapter(sampleAdapter());
  await learning.listAdapters(SCOPE);
  await learning.compareAndSetService(sampleService(), 0);
  await learning.listServices();
  await people.putChoice({ workspaceId: SCOPE.workspaceId, userId: "cy", learns: false, changedAtMs: 5 });
  await people.listOptedOut(SCOPE.workspaceId);
  await people.appendAudit({ id: "a", atMs: 1, who: "eve", what: "permission.changed" });
  await people.listAudit(9);
  await people.listDeletions();
  await people.listErasedPlaces();
  await moderation.saveReport(sampleReport());
  await moderation.listReports({ workspaceId: SCOPE.workspaceId, limit: 9 });
  await settings.putSetting(sampleSetting());
  await settings.listSettings();
  await platforms.takeMark("notice local:home web", 1);
  await platforms.clearMarks("notice ");
  await platforms.listInstallations("slack");
  await vectors.putVector("e", "t1", new Float32Array([1]));
  await models.saveUse({ modelDigest: "m", modelName: "tiny", atMs: 8, failed: false, totalMs: 9, replyTokens: 3 });
  await models.queryUse();
  await useTheRest(store);
  await privacy.exportPerson(SCOPE.workspaceId, "ana");
  await privacy.eraseBefore(SCOPE.workspaceId, NOON_MS + 2, 9);
  await privacy.listWorkspaces();
  await privacy.erasePerson(SCOPE.workspaceId, "u5", NOON_MS + 99);
  await privacy.erasePlace(place, NOON_MS + 99);
}

async function useTheRest({
  chat,
  learning,
  people,
  platforms,
  privacy,
  vectors,
  cache,
  leases,
}: MongoStore): Promise<void> {
  const entry = { scope: "s", question: "q", signature: "g", reply: "r", turnId: "t9", domain: "support", hits: 0 };
  const vector = new Float32Array([1, 0]);
  await cache.put({ ...entry, vector, createdAtMs: 1, expiresAtMs: 9 }, 1);
  await cache.put({ ...entry, question: "p", vector, createdAtMs: 2, expiresAtMs: 9 }, 1);
  await cache.get("s", "p", 3);
  await cache.findBySignature("s", "g", 3);
  await cache.findNearest({ scope: "s", vector, similarityMin: 0, limit: 3, nowMs: 3 });
  await cache.count("miss");
  await cache.stats();
  await cache.inspect(9);
  await cache.evictTurn("t9");
  await cache.clear(99);
  await chat.claimEvent({ eventId: "e3", platforms: ["local"], claimedBy: "one", nowMs: 99, leaseMs: 9 });
  await chat.renewEvent("e3", "one", 99);
  await chat.findTurn("t3");
  await chat.listFeedback("t3");
  await chat.findConversation("t3");
  await learning.findRun("run-1");
  await learning.findAdapter("a");
  await learning.findDataset("d");
  await learning.getService(SCOPE);
  await learning.listAdapters();
  await people.getPermission(SCOPE.workspaceId);
  await people.getChoice(SCOPE.workspaceId, "cy");
  await platforms.putCursor("alive", 1);
  await platforms.getCursor("alive");
  await platforms.findInstallation("slack", "slack:T1");
  await vectors.getVectors("e", ["t1"]);
  const held = await leases.acquire("one", "me", 9, 1);
  if (held !== undefined) await leases.release(held);
  await privacy.eraseTurn("t12");
  await privacy.resumeErasures();
  await privacy.erasePlace({ workspaceId: "slack:T9" }, NOON_MS);
}

/** Every filter that the store asks with, as mongoose tells it. */
function recordAsked(store: MongoStore): readonly Asked[] {
  const asked: Asked[] = [];
  store.connection.set("debug", (collection: string, method: string, first: unknown = {}, ...rest: unknown[]) => {
    const [match] = method === "aggregate" ? (first as readonly { readonly $match?: object }[]) : [];
    const filter = method === "aggregate" ? (match?.$match ?? {}) : first;
    const sort = rest.map((option) => (option as { readonly sort?: object } | undefined)?.sort).find(Boolean) ?? {};
    asked.push({ collection, method, filter, sort } as Asked);
  });
  return asked;
}

const READING = ["find", "findOne", "findOneAndUpdate", "aggregate", "countDocuments", "distinct"];
const WRITING = ["updateOne", "updateMany", "deleteOne", "deleteMany", "replaceOne"];

/** MongoDB looks into an index when the filter, or else the order, says something of its first field. */
function isServed({ collection, filter, sort }: Asked): boolean {
  const known = new Set([...Object.keys(filter), ...Object.keys(sort).slice(0, 1)]);
  const firsts = (INDEXES[collection] ?? []).map((index) => Object.keys(index)[0] ?? "");
  return ["_id", ...firsts].some((field) => known.has(field));
}

describe.skipIf(mongoPeer === undefined)("queries, at NX-27017 or MONGODB_URI", () => {
  const peer = useMongoPeer();

  test("every filter or order of the store begins as one of its indexes does (needs mongodb)", {
    timeout: 120_000,
  }, async () => {
    const store = await openTempMongoStore(peer.uri());
    const asked = recordAsked(store);
    await useEverything(store);

    const queries = asked.filter(({ method }) => [...READING, ...WRITING].includes(method));
    expect(queries.length).toBeGreaterThan(200);
    expect(Object.keys(INDEXES).filter((name) => !queries.some(({ collection }) => collection === name))).toEqual([]);
    const unserved = queries.filter((one) => !SMALL.includes(one.collection) && !isServed(one));
    expect(
      unserved.map(({ collection, method, filter }) => `${collection} ${method} ${JSON.stringify(filter)}`),
    ).toEqual([]);
  });
});

/** NX-27017 plans in its own way, over SQLite: only a real MongoDB says anything here. */
describe.skipIf(!isRealMongo)("plans of a real MongoDB, at MONGODB_URI", () => {
  const peer = useMongoPeer();

  test("no query of the store walks through a whole collection", { timeout: 120_000 }, async () => {
    const store = await openTempMongoStore(peer.uri());
    const { db } = store.connection;
    if (db === undefined) throw new Error("the connection is not open");
    await db.setProfilingLevel("all");
    await useEverything(store);
    await db.setProfilingLevel("off");
    const profiled = await db.collection("system.profile").find({}).toArray();

    expect(profiled.length).toBeGreaterThan(100);
    const walks = (profiled as unknown as readonly Profiled[]).filter(
      ({ ns, planSummary = "" }) =>
        planSummary.includes("COLLSCAN") && !SMALL.some((name) => ns.endsWith(`.${name}`)) && !ns.includes("system."),
    );
    expect(walks.map(({ ns, command }) => `${ns} ${JSON.stringify(command)}`)).toEqual([]);
  });
});
