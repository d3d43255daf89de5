import { setTimeout as pause } from "node:timers/promises";
import { ALL_DOMAINS } from "#core/scope.ts";
import { readConversation, readConversations } from "#dashboard/read-chat.ts";
import type { JobQueue } from "#jobs/job-queue.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { ModelStore } from "#store/model-store.ts";
import type { ModerationStore } from "#store/moderation-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { PlatformStore } from "#store/platform-store.ts";
import type { PrivacyStore } from "#store/privacy-store.ts";
import type { SemanticCache } from "#store/semantic-cache.ts";
import type { SettingStore } from "#store/setting-store.ts";
import { quantile } from "./bench-figures.ts";
import { benchVector } from "./bench-fill.ts";
import type { BenchTargets } from "./bench-records.ts";

export interface QueriedStores {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly models: ModelStore;
  readonly settings: SettingStore;
  readonly moderation: ModerationStore;
  readonly platforms: PlatformStore;
  readonly privacy: PrivacyStore;
  readonly cache: SemanticCache;
  readonly jobs: JobQueue;
}

export interface QueryFigures {
  readonly name: string;
  readonly group: "readiness" | "page" | "whole";
  readonly rounds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of records that the last answer held; what is asked for nothing is measured for nothing. */
  readonly records: number;
}

interface Query {
  readonly name: string;
  readonly group: QueryFigures["group"];
  /** How many records came. */
  readonly run: (round: number) => Promise<number>;
}

const DAY_MS = 86_400_000;
const ROUNDS = 200;
/** No query is asked for longer: a slow one has shown what it is. */
const QUERY_MAX_MS = 3000;

/** Every listing and page that the dashboard, the commands and the bots ask a store for, one after another. */
export async function benchQueries(
  stores: QueriedStores,
  targets: BenchTargets,
  options: { readonly nowMs: number; readonly turns: number },
): Promise<readonly QueryFigures[]> {
  const figures: QueryFigures[] = [];
  for (const query of queriesOf(stores, targets, options)) figures.push(await measure(query));
  return figures;
}

async function measure({ name, group, run }: Query): Promise<QueryFigures> {
  const durations: number[] = [];
  let records = await run(0);
  const startedAtMs = performance.now();
  while (durations.length < ROUNDS && performance.now() - startedAtMs < QUERY_MAX_MS) {
    const beganAtMs = performance.now();
    records = await run(durations.length);
    durations.push(performance.now() - beganAtMs);
    // Timers and the disk's flushes go in between, as in a program that serves.
    if (durations.length % 20 === 0) await pause(1);
  }
  return {
    name,
    group,
    rounds: durations.length,
    p50Ms: quantile(durations, 0.5),
    p99Ms: quantile(durations, 0.99),
    records,
  };
}

const count = async (list: Promise<readonly unknown[]>) => (await list).length;
const found = async (one: Promise<unknown>) => ((await one) === undefined ? 0 : 1);

function queriesOf(
  stores: QueriedStores,
  targets: BenchTargets,
  { nowMs, turns }: { readonly nowMs: number; readonly turns: number },
): readonly Query[] {
  const pages = [...chatQueries(stores, targets, nowMs, turns), ...learningQueries(stores, targets, nowMs)];
  return [
    ...readinessQueries(stores, targets, nowMs),
    ...[...pages, ...otherQueries(stores, targets, nowMs)].map(([name, run]) => ({
      name,
      group: "page" as const,
      run,
    })),
  ];
}

type Named = readonly [name: string, run: Query["run"]];

function readinessQueries({ learning }: QueriedStores, { scope, workspaceId }: BenchTargets, nowMs: number) {
  const sinceMs = nowMs - 30 * DAY_MS;
  return ["technical", "support", "legal", "general", ALL_DOMAINS].flatMap((domain): readonly Query[] =>
    [scope.workspaceId, workspaceId].map((id) => ({
      name: `readiness counts of ${domain === ALL_DOMAINS ? "all domains" : domain}, ${id}`,
      group: "readiness",
      run: async () => (await learning.readCounts({ workspaceId: id, audience: "public", domain }, sinceMs)).messages,
    })),
  );
}

function chatQueries(stores: QueriedStores, targets: BenchTargets, nowMs: number, turns: number): readonly Named[] {
  const { chat } = stores;
  const { workspaceId, localPerson, longConversationId, busyChannelId, quietChannelId } = targets;
  const person = { personId: localPerson, isAdmin: true };
  const some = (round: number) => `turn-${String((round * 7919 + 1) % turns).padStart(9, "0")}`;
  const messageOf = async (round: number) => {
    const turn = await chat.findTurn(some(round));
    if (turn === undefined) return 0;
    return found(chat.findTurnByMessage(turn.workspaceId, turn.channelId, `${turn.id} reply`));
  };
  return [
    ["page of 50 conversations, newest", () => count(readConversations(stores, person, { limit: 50 }))],
    [
      "page of 50 conversations, from 40 days ago",
      () => count(readConversations(stores, person, { limit: 50, beforeMs: nowMs - 40 * DAY_MS })),
    ],
    [
      "a conversation with 500 turns and their feedback",
      async () => (await readConversation(stores, person, longConversationId)).turns.length,
    ],
    ["history for the prompt, 20 turns", () => count(chat.listHistory(longConversationId, 20))],
    ["a turn by one of its messages", messageOf],
    [
      "open conversation of a busy channel",
      () => found(chat.findOpenConversation({ workspaceId, channelId: busyChannelId })),
    ],
    [
      "100 conversations of a quiet channel of a large workspace",
      () => count(chat.listConversations({ workspaceId, channelId: quietChannelId, limit: 100 })),
    ],
    [
      "100 conversations of a busy channel",
      () => count(chat.listConversations({ workspaceId, channelId: busyChannelId, limit: 100 })),
    ],
    ["100 conversations of a large workspace", () => count(chat.listConversations({ workspaceId, limit: 100 }))],
    ["200 replies of a platform, newest", () => count(chat.listRecentReplies("slack", nowMs - DAY_MS, 200))],
    ["deliveries of a turn", async (round) => 1 + (await chat.listDeliveries(some(round))).length],
    [
      "the oldest event that waits",
      async () => 1 + (await found(chat.claimEvent({ claimedBy: "bench", nowMs, leaseMs: 1 }))),
    ],
  ];
}

function learningQueries({ learning, jobs }: QueriedStores, { scope, workspaceId }: BenchTargets, nowMs: number) {
  const sinceMs = nowMs - 30 * DAY_MS;
  let after: string | undefined;
  const queries: readonly Named[] = [
    ["page of 200 rated turns, oldest", () => count(learning.pageRatedTurns({ scope, sinceMs, limit: 200 }))],
    [
      "page of 200 rated turns, one deeper each time",
      async () => {
        const page = await learning.pageRatedTurns({
          scope,
          sinceMs,
          limit: 200,
          ...(after === undefined ? {} : { after }),
        });
        after = page.length < 200 ? undefined : page.at(-1)?.turn.id;
        return page.length;
      },
    ],
    [
      "50 rated turns of a large workspace, newest",
      () =>
        count(learning.pageRatedTurns({ scope: { ...scope, workspaceId }, sinceMs, limit: 50, isNewestFirst: true })),
    ],
    ["training runs, 100", () => count(learning.listRuns({ limit: 100 }))],
    ["training runs of a domain, 20", () => count(learning.listRuns({ scope, limit: 20 }))],
    ["a run's log, 500 lines", () => count(learning.listRunEvents("run-0", 4000, 500))],
    ["adapters", () => count(learning.listAdapters())],
    ["adapters of a domain", () => count(learning.listAdapters(scope))],
    ["what is in service", () => count(learning.listServices())],
    ["jobs, 200", async () => 1 + (await jobs.list({ limit: 200 })).length],
  ];
  return queries;
}

function otherQueries(stores: QueriedStores, { workspaceId, busyPerson }: BenchTargets, nowMs: number) {
  const { people, moderation, settings, models, platforms, cache } = stores;
  const vectorOf = (round: number) => benchVector((round * 31 + 1) % 1000);
  const queries: readonly Named[] = [
    ["open reports, 200", () => count(moderation.listReports({ workspaceId, limit: 200 }))],
    ["closed reports, 200", () => count(moderation.listReports({ workspaceId, isClosed: true, limit: 200 }))],
    ["audit, 200", () => count(people.listAudit(200))],
    ["a person's choice", async () => 1 + (await found(people.getChoice(workspaceId, busyPerson)))],
    ["who opted out", () => count(people.listOptedOut(workspaceId))],
    ["who was erased", async () => 1 + (await people.listDeletions()).length],
    ["settings of all places", () => count(settings.listSettings())],
    ["models and their use", async () => 1 + (await models.queryUse()).length],
    ["installations of a platform", async () => 1 + (await platforms.listInstallations("slack")).length],
    ["size and hits of the cache", async () => (await cache.stats()).entries],
    ["cache entries, 30", () => count(cache.inspect(30))],
    ["a cached reply by its words", (round) => found(cache.get("one", `question ${(round * 31) % 1000}`, nowMs))],
    ["cached replies by signature", (round) => count(cache.findBySignature("one", `signature ${round % 100}`, nowMs))],
    [
      "nearest of the cached replies",
      (round) =>
        count(cache.findNearest({ scope: "one", vector: vectorOf(round), similarityMin: 0.8, limit: 5, nowMs })),
    ],
  ];
  return queries;
}
