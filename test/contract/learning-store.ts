import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readinessScore, type Score } from "#core/feedback.ts";
import type { LearningCounts } from "#core/learning.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import {
  DAY_MS,
  NOON_MS,
  SCOPE,
  sampleAdapter,
  sampleChange,
  sampleDataset,
  sampleRun,
  sampleService,
  sampleTurn,
} from "./sample-records.ts";

export interface OpenedLearningStore {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  /** The store's limit, small for the sake of the test. */
  readonly runEventsMax: number;
}

const EMPTY: LearningCounts = {
  conversations: 0,
  messages: 0,
  feedback: 0,
  scoreSum: 0,
  examples: 0,
  raters: 0,
  examplesEver: 0,
};
const WHOLE = { ...SCOPE, domain: ALL_DOMAINS };

/** What every LearningStore promises, over the chat store that feeds it. `open` gives empty stores. */
export function learningStoreContract(open: () => Promise<OpenedLearningStore>): void {
  describe("counts", () => countsContract(open));
  describe("rated turns", () => ratedTurnsContract(open));
  describe("runs", () => runsContract(open));
  describe("adapters and services", () => serviceContract(open));
}

function countsContract(open: () => Promise<OpenedLearningStore>): void {
  test("readCounts() is all zero when nothing was said", async () => {
    const { learning } = await open();

    expect(await learning.readCounts(SCOPE, 0)).toEqual(EMPTY);
    expect(await learning.listScopes()).toEqual([]);
  });

  test("readCounts() counts a turn in its domain and in the whole workspace when it becomes complete", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn({ status: "streaming" }));
    expect(await learning.readCounts(SCOPE, 0)).toEqual(EMPTY);

    await chat.saveTurn(sampleTurn());
    await chat.saveTurn(sampleTurn());
    await chat.saveTurn(sampleTurn({ id: "t2", position: 1, domain: "legal" }));

    expect(await learning.readCounts(SCOPE, 0)).toEqual({ ...EMPTY, conversations: 1, messages: 2 });
    expect(await learning.readCounts(WHOLE, 0)).toEqual({ ...EMPTY, conversations: 1, messages: 4 });
    expect(await learning.listScopes()).toEqual([{ ...SCOPE, domain: "legal" }, SCOPE]);
  });

  test.each(["superseded", "deleted"] as const)("readCounts() forgets a turn when it is %s", async (status) => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.putFeedback(sampleChange({ score: 5 }));

    await chat.saveTurn(sampleTurn({ status }));

    expect(await learning.readCounts(SCOPE, 0)).toEqual(EMPTY);
    expect(await learning.readCounts(WHOLE, 0)).toEqual(EMPTY);
    expect(await learning.listScopes()).toEqual([]);
  });

  test("readCounts() moves a turn with its scores when its domain changes", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.putFeedback(sampleChange({ score: 5 }));

    await chat.saveTurn(sampleTurn({ domain: "legal" }));

    const counts = { ...EMPTY, conversations: 1, messages: 2, feedback: 1, scoreSum: 5, examples: 1, raters: 1 };
    expect(await learning.readCounts(SCOPE, 0)).toEqual(EMPTY);
    expect(await learning.readCounts({ ...SCOPE, domain: "legal" }, 0)).toEqual({ ...counts, examplesEver: 1 });
  });

  test("readCounts() follows a score when it is set, changed and taken back", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    const turn = { ...EMPTY, conversations: 1, messages: 2 };
    const give = (atMs: number, score: Score | null) => chat.putFeedback(sampleChange({ atMs, score }));

    await give(1, 5);
    const liked = { ...turn, feedback: 1, scoreSum: 5, examples: 1, raters: 1, examplesEver: 1 };
    expect(await learning.readCounts(SCOPE, 0)).toEqual(liked);
    await give(2, 2);
    expect(await learning.readCounts(SCOPE, 0)).toEqual({ ...turn, feedback: 1, scoreSum: 2, raters: 1 });
    await give(3, null);
    expect(await learning.readCounts(SCOPE, 0)).toEqual(turn);
  });

  test("readCounts() counts a corrected turn as an example when nobody scored it", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.putFeedback(sampleChange({ correction: "Within 14 days." }));

    expect(await learning.readCounts(SCOPE, 0)).toMatchObject({ examples: 1, feedback: 1, scoreSum: 5, raters: 1 });
  });

  test("readCounts() leaves out what is before the window's first UTC day, examplesEver does not", async () => {
    const { chat, learning } = await open();
    for (const [id, days] of Object.entries({ old: 40, edge: 30, today: 0 })) {
      await chat.saveTurn(sampleTurn({ id, conversationId: id, askedAtMs: NOON_MS - days * DAY_MS }));
      await chat.putFeedback(sampleChange({ turnId: id, userId: id, score: 5 }));
    }

    // The window begins in the afternoon of the edge's day.
    const counts = await learning.readCounts(SCOPE, NOON_MS - 30 * DAY_MS + 5000);

    expect(counts).toEqual({
      conversations: 2,
      messages: 4,
      feedback: 2,
      scoreSum: 10,
      examples: 2,
      raters: 2,
      examplesEver: 3,
    });
  });

  test("readCounts() keeps audiences apart when their names could be read as one another", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn({ audience: "channel:1" }));

    expect(await learning.readCounts(WHOLE, 0)).toEqual(EMPTY);
    expect(await learning.readCounts({ ...WHOLE, audience: "channel:1" }, 0)).toMatchObject({ messages: 2 });
    expect(await learning.readCounts({ ...WHOLE, workspaceId: `${SCOPE.workspaceId},channel:1` }, 0)).toEqual(EMPTY);
  });

  test("readCounts() equals counting everything again after any sequence of changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyChange, { maxLength: 40 }), async (changes) => {
        const stores = await open();
        for (const change of changes) await applyChange(stores.chat, change);
        const kept = await readEverything(stores.learning);
        expect(kept).toEqual(await countByHand(stores.chat));
        await stores.learning.rebuildCounts();
        expect(await readEverything(stores.learning)).toEqual(kept);
      }),
      { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 25) },
    );
  });
}

const TURNS = ["t0", "t1", "t2", "t3", "t4"];
const DOMAINS = ["support", "legal"];
const USERS = ["ana", "ben", "cy"];
const AUDIENCES = ["public", "channel:1"];

const anyTurn = fc.record({
  id: fc.constantFrom(...TURNS),
  conversationId: fc.constantFrom("c1", "c2"),
  domain: fc.constantFrom(...DOMAINS),
  audience: fc.constantFrom(...AUDIENCES),
  status: fc.constantFrom("streaming", "complete", "complete", "superseded", "deleted" as const),
  askedAtMs: fc.integer({ min: -2, max: 2 }).map((days) => NOON_MS + days * DAY_MS),
});
const anyFeedback = fc.record(
  {
    turnId: fc.constantFrom(...TURNS),
    userId: fc.constantFrom(...USERS),
    atMs: fc.integer({ min: 0, max: 20 }),
    score: fc.constantFrom<(Score | null)[]>(null, 1, 2, 4, 5),
    correction: fc.constantFrom(null, "better"),
  },
  { requiredKeys: ["turnId", "userId", "atMs"] },
);
const anyChange = fc.oneof(
  fc.record({ kind: fc.constant("turn" as const), turn: anyTurn }),
  fc.record({ kind: fc.constant("feedback" as const), feedback: anyFeedback }),
);
type Change = typeof anyChange extends fc.Arbitrary<infer T> ? T : never;

async function applyChange(chat: ChatStore, change: Change): Promise<void> {
  if (change.kind === "turn") return chat.saveTurn(sampleTurn(change.turn));
  if ((await chat.findTurn(change.feedback.turnId)) === undefined) return;
  await chat.putFeedback(sampleChange(change.feedback));
}

const WINDOWS = [-2, -1, 0, 1, 2, 3].map((days) => NOON_MS + days * DAY_MS);
const SCOPES = AUDIENCES.flatMap((audience) =>
  [...DOMAINS, ALL_DOMAINS].map((domain) => ({ ...SCOPE, audience, domain })),
);

async function readEverything(learning: LearningStore): Promise<readonly LearningCounts[]> {
  return Promise.all(SCOPES.flatMap((scope) => WINDOWS.map((sinceMs) => learning.readCounts(scope, sinceMs))));
}

/** The definition, in the slowest and plainest way. */
async function countByHand(chat: ChatStore): Promise<readonly LearningCounts[]> {
  const turns = (await Promise.all(TURNS.map((id) => chat.findTurn(id)))).flatMap((turn) => turn ?? []);
  const rated = await Promise.all(turns.map(async (turn) => ({ turn, feedback: await chat.listFeedback(turn.id) })));
  return SCOPES.flatMap(({ audience, domain }) => {
    const inScope = rated.filter(
      ({ turn }) =>
        turn.status === "complete" &&
        turn.audience === audience &&
        (domain === ALL_DOMAINS || turn.domain.domain === domain),
    );
    return WINDOWS.map((sinceMs): LearningCounts => {
      const since = Math.floor(sinceMs / DAY_MS) * DAY_MS;
      const inWindow = inScope.filter(({ turn }) => turn.askedAtMs >= since);
      const isTaught = ({ feedback }: (typeof rated)[number]) => {
        const scores = feedback.flatMap(({ score }) => score ?? []);
        const sum = scores.reduce<number>((total, score) => total + score, 0);
        return (
          feedback.some(({ correction }) => correction !== undefined) || (scores.length > 0 && sum >= scores.length * 4)
        );
      };
      const before = new Set(
        inScope.filter(({ turn }) => turn.askedAtMs < since).map(({ turn }) => turn.conversationId),
      );
      const conversations = new Set(inWindow.map(({ turn }) => turn.conversationId).filter((id) => !before.has(id)));
      const scored = inWindow.flatMap(({ feedback }) => feedback).filter((item) => readinessScore(item) !== undefined);
      return {
        conversations: conversations.size,
        messages: inWindow.length * 2,
        feedback: scored.length,
        scoreSum: scored.reduce((total, item) => total + (readinessScore(item) ?? 0), 0),
        examples: inWindow.filter(isTaught).length,
        raters: new Set(scored.map(({ userId }) => userId)).size,
        examplesEver: inScope.filter(isTaught).length,
      };
    });
  });
}

function ratedTurnsContract(open: () => Promise<OpenedLearningStore>): void {
  const query = { scope: SCOPE, sinceMs: 0, limit: 10 };
  const ids = async (learning: LearningStore, changes = {}) =>
    (await learning.pageRatedTurns({ ...query, ...changes })).map(({ turn }) => turn.id);

  test("pageRatedTurns() gives turn, feedback and the turns of its prompt when it was scored", async () => {
    const { chat, learning } = await open();
    const first = sampleTurn({ id: "t0", askedAtMs: NOON_MS - 1 });
    const second = sampleTurn({ id: "t1", position: 1, inputTurnIds: ["t0", "gone"] });
    await chat.saveTurn(first);
    await chat.saveTurn(second);
    const feedback = await chat.putFeedback(sampleChange({ score: 4 }));

    expect(await learning.pageRatedTurns(query)).toEqual([
      { turn: second, inputs: [first], feedback: [feedback], servedAgain: 0 },
    ]);
  });

  test("pageRatedTurns() leaves a turn out when its feedback was taken back or it is not complete", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.saveTurn(sampleTurn({ id: "t2" }));
    await chat.putFeedback(sampleChange({ score: 4, atMs: 1 }));
    await chat.putFeedback(sampleChange({ score: 4, atMs: 1, turnId: "t2" }));
    expect(await ids(learning)).toEqual(["t1", "t2"]);

    await chat.putFeedback(sampleChange({ score: null, atMs: 2 }));
    await chat.saveTurn(sampleTurn({ id: "t2", status: "deleted" }));

    expect(await ids(learning)).toEqual([]);
  });

  test("pageRatedTurns() pages through one order, oldest first, when many were asked in one moment", async () => {
    const { chat, learning } = await open();
    for (const id of ["b", "e", "a", "d", "c"]) {
      await chat.saveTurn(sampleTurn({ id, askedAtMs: id === "e" ? NOON_MS - 1 : NOON_MS }));
      await chat.putFeedback(sampleChange({ turnId: id, score: 1 }));
    }

    expect(await ids(learning, { limit: 2 })).toEqual(["e", "a"]);
    expect(await ids(learning, { limit: 2, after: "a" })).toEqual(["b", "c"]);
    expect(await ids(learning, { limit: 2, after: "c" })).toEqual(["d"]);
    expect(await ids(learning, { sinceMs: NOON_MS })).toEqual(["a", "b", "c", "d"]);
    await expect(learning.pageRatedTurns({ ...query, after: "unknown" })).rejects.toThrow("unknown");
  });

  test("pageRatedTurns() pages backwards when the newest are asked for", async () => {
    const { chat, learning } = await open();
    for (const id of ["b", "e", "a"]) {
      await chat.saveTurn(sampleTurn({ id, askedAtMs: id === "e" ? NOON_MS - 1 : NOON_MS }));
      await chat.putFeedback(sampleChange({ turnId: id, score: 1 }));
    }

    expect(await ids(learning, { limit: 2, isNewestFirst: true })).toEqual(["b", "a"]);
    expect(await ids(learning, { limit: 2, isNewestFirst: true, after: "a" })).toEqual(["e"]);
    expect(await ids(learning, { sinceMs: NOON_MS, isNewestFirst: true })).toEqual(["b", "a"]);
  });

  test("pageRatedTurns() keeps to its domain unless all domains are asked for", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn({ domain: "legal" }));
    await chat.saveTurn(sampleTurn({ id: "t2", audience: "channel:1" }));
    for (const turnId of ["t1", "t2"]) await chat.putFeedback(sampleChange({ turnId, score: 5 }));

    expect(await ids(learning)).toEqual([]);
    expect(await ids(learning, { scope: WHOLE })).toEqual(["t1"]);
  });

  test("pageRatedTurns() counts how often a reply was served again, until it is disliked there", async () => {
    const { chat, learning } = await open();
    const cache = { hit: "exact", reason: "the same question", sourceTurnId: "t1" } as const;
    await chat.saveTurn(sampleTurn({ cache }));
    expect(await ids(learning)).toEqual([]);
    await chat.saveTurn(sampleTurn({ id: "t2", status: "streaming", cache }));
    expect(await ids(learning)).toEqual([]);

    await chat.saveTurn(sampleTurn({ id: "t2", cache }));
    await chat.saveTurn(sampleTurn({ id: "t3", cache }));
    expect(await learning.pageRatedTurns(query)).toMatchObject([{ turn: { id: "t1" }, servedAgain: 2 }]);

    await chat.putFeedback(sampleChange({ turnId: "t3", score: 1 }));
    expect((await learning.pageRatedTurns(query)).map(({ servedAgain }) => servedAgain)).toEqual([1, 0]);
    await chat.saveTurn(sampleTurn({ id: "t2", status: "deleted", cache }));
    expect(await ids(learning)).toEqual(["t3"]);
  });

  test("pageRatedTurns() gives both turns when a reply was regenerated", async () => {
    const { chat, learning } = await open();
    await chat.saveTurn(sampleTurn());
    await chat.saveTurn(sampleTurn({ id: "t2", position: 1, regenerationOf: "t1" }));

    expect(await ids(learning)).toEqual(["t1", "t2"]);
    await learning.rebuildCounts();
    expect(await ids(learning)).toEqual(["t1", "t2"]);
  });
}

function runsContract(open: () => Promise<OpenedLearningStore>): void {
  test("saveRun() replaces a run by its id, with every field", async () => {
    const { learning } = await open();
    const ended = sampleRun({
      state: "rejected",
      startedAtMs: NOON_MS + 1,
      endedAtMs: NOON_MS + 2,
      progress: { phase: "training", step: 3, stepsTotal: 9, lossTrain: 1.25, leftMs: 900 },
      datasetHash: "e".repeat(64),
      adapterDigest: "a".repeat(64),
      grade: "D",
      verdict: "Worse than the base model",
      error: { code: "X", message: "Cannot", hint: "Try" },
    });
    await learning.saveRun(sampleRun());
    await learning.saveRun(ended);

    expect(await learning.findRun("run-1")).toEqual(ended);
    expect(await learning.findRun("run-2")).toBeUndefined();
  });

  test("listRuns() gives the newest first, of one domain, one audience or all", async () => {
    const { learning } = await open();
    const legal = { ...SCOPE, domain: "legal" };
    await learning.saveRun(sampleRun({ id: "a", requestedAtMs: 1 }));
    await learning.saveRun(sampleRun({ id: "b", requestedAtMs: 2, scope: legal }));
    await learning.saveRun(sampleRun({ id: "c", requestedAtMs: 3, scope: { ...legal, workspaceId: "slack:T1" } }));
    const list = async (query: Parameters<LearningStore["listRuns"]>[0]) =>
      (await learning.listRuns(query)).map((run) => run.id);

    expect(await list({ limit: 2 })).toEqual(["c", "b"]);
    expect(await list({ scope: legal, limit: 9 })).toEqual(["b"]);
    expect(await list({ scope: WHOLE, limit: 9 })).toEqual(["b", "a"]);
  });

  test("appendRunEvent() numbers events per run and keeps the newest", async () => {
    const { learning, runEventsMax } = await open();
    const event = { runId: "run-1", atMs: NOON_MS, level: "info", message: "step" } as const;
    await learning.appendRunEvent({ ...event, runId: "other" });
    for (let count = 0; count < runEventsMax + 3; count += 1) await learning.appendRunEvent(event);

    const all = await learning.listRunEvents("run-1", 0, 10_000);
    expect(all).toHaveLength(runEventsMax);
    expect(all[0]?.sequence).toBe(4);
    expect(await learning.listRunEvents("run-1", runEventsMax, 1)).toEqual([{ ...event, sequence: runEventsMax + 1 }]);
    expect(await learning.listRunEvents("other", 0, 9)).toHaveLength(1);
  });

  test("findDataset() gives what was saved, undefined when it was not", async () => {
    const { learning } = await open();
    await learning.saveDataset(sampleDataset());

    expect(await learning.findDataset(sampleDataset().hash)).toEqual(sampleDataset());
    expect(await learning.findDataset("none")).toBeUndefined();
  });
}

function serviceContract(open: () => Promise<OpenedLearningStore>): void {
  test("saveAdapter() lets state and grade change and refuses other contents of one digest", async () => {
    const { learning } = await open();
    await learning.saveAdapter(sampleAdapter());
    await learning.saveAdapter(sampleAdapter({ state: "retired", grade: "A" }));

    await expect(learning.saveAdapter(sampleAdapter({ bytes: 1 }))).rejects.toMatchObject({ code: "ADAPTER_REFUSED" });
    expect(await learning.findAdapter("a".repeat(64))).toEqual(sampleAdapter({ state: "retired", grade: "A" }));
    expect(await learning.findAdapter("b".repeat(64))).toBeUndefined();
  });

  test("listAdapters() gives the newest first, of one scope when asked", async () => {
    const { learning } = await open();
    await learning.saveAdapter(sampleAdapter({ digest: "1", createdAtMs: 1 }));
    await learning.saveAdapter(sampleAdapter({ digest: "2", createdAtMs: 2, scope: { ...SCOPE, domain: "legal" } }));

    expect((await learning.listAdapters()).map(({ digest }) => digest)).toEqual(["2", "1"]);
    expect((await learning.listAdapters(SCOPE)).map(({ digest }) => digest)).toEqual(["1"]);
  });

  test("compareAndSetService() writes only when the stored epoch is the expected one", async () => {
    const { learning } = await open();
    const first = sampleService({ epoch: 1 });

    expect(await learning.getService(SCOPE)).toBeUndefined();
    expect(await learning.compareAndSetService(first, 1)).toBe(false);
    expect(await learning.getService(SCOPE)).toBeUndefined();
    expect(await learning.compareAndSetService(first, 0)).toBe(true);
    expect(await learning.compareAndSetService(sampleService({ epoch: 9 }), 0)).toBe(false);
    expect(await learning.getService(SCOPE)).toEqual(first);
    expect(await learning.compareAndSetService(sampleService({ epoch: 2, reason: "better" }), 1)).toBe(true);
    expect(await learning.listServices()).toEqual([sampleService({ epoch: 2, reason: "better" })]);
  });

  test("compareAndSetService() lets one of many racers win, per scope", async () => {
    const { learning } = await open();
    const race = await Promise.all(
      Array.from({ length: 8 }, (_, index) => learning.compareAndSetService(sampleService({ reason: `${index}` }), 0)),
    );

    expect(race.filter(Boolean)).toHaveLength(1);
    expect(await learning.compareAndSetService(sampleService({ scope: { ...SCOPE, domain: "legal" } }), 0)).toBe(true);
  });
}
