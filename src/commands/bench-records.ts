import type { Feedback, Score } from "#core/feedback.ts";
import { pick, seededRandom } from "#core/random.ts";
import { audienceOf, type LearningScope, type Platform, type Visibility } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { BENCH_WORDS } from "./bench-words.ts";

/** A store as a community of years has it: many people, conversations, scopes and days. The same options give the same records. */
export interface BenchRecordsOptions {
  readonly turns: number;
  readonly scores: number;
  readonly nowMs: number;
}

/** What a query can ask for in such a store, the worst of each kind. */
export interface BenchTargets {
  /** Many turns that are scored, mostly well. */
  readonly scope: LearningScope;
  readonly localPerson: string;
  /** Of the pages: one person's, with many conversations. */
  readonly localChannelId: string;
  readonly longConversationId: string;
  readonly workspaceId: string;
  /** A person with a share of the whole workspace. */
  readonly busyPerson: string;
  /** Somebody with a few turns, for erasing. */
  readonly quietPerson: string;
  readonly busyChannelId: string;
  /** Its few conversations are the oldest of a large workspace. */
  readonly quietChannelId: string;
}

const DAYS = 60;
const DAY_MS = 86_400_000;
const TURNS_A_CONVERSATION = 10;
const LONG_CONVERSATION_TURNS = 600;
const DOMAINS = ["technical", "support", "legal", "general"];
/** Prime: scores fall on all days and places, on no turn twice. */
const STRIDE = 7919;
const RECENT_DAYS = 25;
/** Scores of one scope in the last days: enough for a data set of 10,000 rows, with some left out. */
const SCOPE_SCORES_RATIO = 0.135;

const LOCAL = "local:home";
const LARGE = "slack:TBENCH";

interface Workspace {
  readonly id: string;
  readonly platform: Platform;
  readonly first: number;
  readonly turns: number;
}

export function benchTargets(): BenchTargets {
  return {
    scope: { workspaceId: LOCAL, audience: "public", domain: "support" },
    localPerson: "person-0",
    localChannelId: "person:person-0",
    longConversationId: `${LOCAL} conversation 0`,
    workspaceId: LARGE,
    busyPerson: "U0",
    quietPerson: "U62",
    busyChannelId: "C2",
    quietChannelId: "CQUIET",
  };
}

export function* benchTurns(options: BenchRecordsOptions): Generator<Turn> {
  for (const workspace of workspacesOf(options.turns)) {
    for (let index = 0; index < workspace.turns; index += 1) yield turnOf(workspace, index, options.nowMs);
  }
}

/** Each person scores a turn once. */
export function* benchScores(options: BenchRecordsOptions): Generator<Feedback> {
  const { turns, scores, nowMs } = options;
  const workspaces = workspacesOf(turns);
  const local = workspaces[0];
  let left = scores;
  const inScope = Math.round(scores * SCOPE_SCORES_RATIO);
  const taken = new Set<number>();
  const firstRecent = local === undefined ? 0 : Math.floor(local.turns * (1 - RECENT_DAYS / DAYS));
  for (let index = firstRecent; local !== undefined && index < local.turns && taken.size < inScope; index += 1) {
    if (placeOf(local, index).domain !== "support") continue;
    taken.add(index);
    left -= 1;
    yield scoreOf(turnOf(local, index, nowMs), index % 12 === 0 ? 2 : index % 2 === 0 ? 5 : 4);
  }
  for (let step = 0; left > 0 && step < turns; step += 1) {
    const number = (step * STRIDE) % turns;
    if (taken.has(number)) continue;
    const workspace = workspaces.findLast(({ first }) => first <= number);
    // Shares are rounded down: the last numbers are nobody's.
    if (workspace === undefined || number - workspace.first >= workspace.turns) continue;
    left -= 1;
    yield scoreOf(turnOf(workspace, number - workspace.first, nowMs), SCORES[step % SCORES.length] ?? 3);
  }
}

const SCORES: readonly Score[] = [5, 4, 3, 1, 5, 2, 4];

function workspacesOf(turns: number): readonly Workspace[] {
  const shares = [
    { id: LOCAL, share: 0.25 },
    { id: LARGE, share: 0.5 },
    { id: "discord:900100", share: 0.15 },
    ...Array.from({ length: 20 }, (_, number) => ({ id: `slack:TSMALL${number}`, share: 0.005 })),
  ];
  let first = 0;
  return shares.map(({ id, share }) => {
    const workspace = { id, platform: platformOfId(id), first, turns: Math.floor(turns * share) };
    first += workspace.turns;
    return workspace;
  });
}

function platformOfId(id: string): Platform {
  return id.startsWith("local:") ? "local" : id.startsWith("slack:") ? "slack" : "discord";
}

function conversationNumber(
  workspace: Workspace,
  index: number,
): { readonly number: number; readonly position: number } {
  const long = Math.min(LONG_CONVERSATION_TURNS, Math.floor(workspace.turns / 10));
  if (index < long) return { number: 0, position: index };
  const rest = index - long;
  return { number: 1 + Math.floor(rest / TURNS_A_CONVERSATION), position: rest % TURNS_A_CONVERSATION };
}

function placeOf(workspace: Workspace, index: number) {
  const { number, position } = conversationNumber(workspace, index);
  const domain = DOMAINS[number % DOMAINS.length] ?? "general";
  const { person, channelId, visibility } = workspace.platform === "local" ? localPlaceOf(number) : teamPlaceOf(number);
  return { number, position, domain, person, channelId, visibility, audience: audienceOf(visibility, channelId) };
}

interface ConversationPlace {
  readonly person: string;
  readonly channelId: string;
  readonly visibility: Visibility;
}

function localPlaceOf(number: number): ConversationPlace {
  const person = `person-${number % 20 === 0 ? 0 : number % 400}`;
  return { person, channelId: `person:${person}`, visibility: "public" };
}

function teamPlaceOf(number: number): ConversationPlace {
  const person = `U${number % 100 === 1 ? 0 : (number * 31) % 5000}`;
  if (number < 4) return { person, channelId: "CQUIET", visibility: "public" };
  if (number % 7 === 0) return { person, channelId: `D${person}`, visibility: "direct" };
  if (number % 11 === 0) return { person, channelId: `P${number % 50}`, visibility: "private" };
  return { person, channelId: `C${number % 200}`, visibility: "public" };
}

function turnOf(workspace: Workspace, index: number, nowMs: number): Turn {
  const { number, position, domain, person, channelId, visibility, audience } = placeOf(workspace, index);
  const id = turnId(workspace, index);
  const random = seededRandom(workspace.first + index);
  const askedAtMs = Math.floor(nowMs - (1 - index / workspace.turns) * DAYS * DAY_MS);
  const history = Math.min(position, 4);
  const isServedAgain = position === 0 && number % 9 === 0 && index > 200;
  return {
    id,
    platform: workspace.platform,
    workspaceId: workspace.id,
    channelId,
    conversationId: `${workspace.id} conversation ${number}`,
    visibility,
    audience,
    position,
    askerId: person,
    revision: 0,
    inputTurnIds: Array.from({ length: history }, (_, back) => turnId(workspace, index - history + back)),
    question: sentence(random, 7 + (index % 6)),
    reply: sentence(random, 30 + (index % 30)),
    status: index % 97 === 0 ? "superseded" : "complete",
    domain: { domain, by: "keywords", score: 0.9, reason: "words: return" },
    arm: { epoch: 0 },
    provenance: {
      modelDigest: "0".repeat(64),
      modelName: "bench",
      systemPromptHash: "0".repeat(64),
      cache: isServedAgain
        ? { hit: "exact", reason: "the same question", sourceTurnId: turnId(workspace, index - 20) }
        : { hit: "none", reason: "no near question" },
      promptTokens: 120,
      replyTokens: 50,
      firstTokenMs: 200,
      totalMs: 2000,
      turnsCut: 0,
      endedBy: isServedAgain ? "cache" : "stop",
    },
    messages: [
      { messageId: `${id} question`, role: "question", part: 0 },
      { messageId: `${id} reply`, role: "reply", part: 0 },
    ],
    askedAtMs,
    repliedAtMs: askedAtMs + 2000,
  };
}

function turnId(workspace: Workspace, index: number): string {
  return `turn-${String(workspace.first + index).padStart(9, "0")}`;
}

/** No two alike, nearly: a data set drops copies. */
function sentence(random: () => number, words: number): string {
  const text = Array.from({ length: words }, () => pick(BENCH_WORDS, random)).join(" ");
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
}

function scoreOf(turn: Turn, score: Score): Feedback {
  return {
    turnId: turn.id,
    userId: turn.askerId,
    workspaceId: turn.workspaceId,
    source: "reaction",
    score,
    scoreAtMs: turn.askedAtMs + 60_000,
    commentAtMs: 0,
    correctionAtMs: 0,
    endorsedBy: [],
  };
}
