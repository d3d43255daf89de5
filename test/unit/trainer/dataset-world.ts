import type { Feedback, Score } from "#core/feedback.ts";
import type { LearningPermission } from "#core/people.ts";
import { audienceOf, type LearningScope, type Visibility } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore, RatedTurn, RatedTurnsQuery } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { buildDataset } from "#trainer/build-dataset.ts";
import type { BuiltDataset, DatasetSettings } from "#trainer/dataset-row.ts";

export const NOW_MS = Date.UTC(2026, 10, 21, 9, 30, 5);
export const SETTINGS: DatasetSettings = {
  examplesPerUserMax: 100,
  validRatio: 0.1,
  replyMaxChars: 8000,
  questionMaxChars: 4000,
  nearDuplicateSimilarity: 0.85,
  servedAgainWeight: 0.2,
  seed: 7,
};

export interface Said {
  readonly id?: string;
  readonly conversation?: string;
  readonly asker?: string;
  readonly question?: string;
  readonly reply?: string;
  readonly inputs?: readonly Turn[];
  readonly visibility?: Visibility;
  readonly turn?: Partial<Turn>;
  readonly scores?: Readonly<Record<string, Score>>;
  readonly correction?: { readonly by: string; readonly text: string; readonly endorsedBy?: readonly string[] };
  readonly servedAgain?: number;
}

/** People, turns and opinions behind the two ports, as a store would give them. */
export class DatasetWorld {
  readonly scope: LearningScope;
  readonly #rated: RatedTurn[] = [];
  readonly #optedOut: string[] = [];
  #permission: LearningPermission | undefined;

  constructor(workspaceId = "local:home") {
    this.scope = { workspaceId, audience: "public", domain: "support" };
  }

  permit(level: LearningPermission["level"]): this {
    this.#permission = {
      workspaceId: this.scope.workspaceId,
      level,
      grantedBy: "admin",
      wordingVersion: 1,
      changedAtMs: 0,
    };
    return this;
  }

  optOut(userId: string): this {
    this.#optedOut.push(userId);
    return this;
  }

  say(said: Said): Turn {
    const turn = turnOf(this.scope, this.#rated.length, said);
    const byUser = new Map<string, Feedback>();
    const blank = {
      turnId: turn.id,
      workspaceId: turn.workspaceId,
      source: "reaction",
      scoreAtMs: 0,
      commentAtMs: 0,
      correctionAtMs: 0,
    } as const;
    for (const [userId, score] of Object.entries(said.scores ?? {})) {
      byUser.set(userId, { ...blank, userId, score, endorsedBy: [] });
    }
    if (said.correction !== undefined) {
      const { by, text, endorsedBy = [] } = said.correction;
      byUser.set(by, { ...(byUser.get(by) ?? { ...blank, userId: by }), correction: text, endorsedBy });
    }
    this.#rated.push({
      turn,
      inputs: said.inputs ?? [],
      feedback: [...byUser.values()],
      servedAgain: said.servedAgain ?? 0,
    });
    return turn;
  }

  /** Says and judges all of it again in a real store. Whatever inputs a turn names must have been said in this world. */
  async saveTo({ chat, people }: { readonly chat: ChatStore; readonly people: PeopleStore }): Promise<void> {
    if (this.#permission !== undefined) await people.putPermission(this.#permission);
    const { workspaceId } = this.scope;
    for (const userId of this.#optedOut) await people.putChoice({ workspaceId, userId, learns: false, changedAtMs: 1 });
    for (const { turn, feedback } of this.#rated) {
      await chat.saveTurn(turn);
      for (const { turnId, userId, score, correction, endorsedBy } of feedback) {
        const change = { turnId, userId, workspaceId, source: "reaction", atMs: 1 } as const;
        await chat.putFeedback({ ...change, score: score ?? null, correction: correction ?? null });
        for (const endorser of endorsedBy) await chat.putFeedback({ ...change, endorsedBy: endorser });
      }
    }
  }

  build(settings: Partial<DatasetSettings> = {}, signal = new AbortController().signal): Promise<BuiltDataset> {
    const learning: Pick<LearningStore, "pageRatedTurns"> = { pageRatedTurns: async (query) => this.#page(query) };
    const people: Pick<PeopleStore, "getPermission" | "listOptedOut"> = {
      getPermission: async () => this.#permission,
      listOptedOut: async () => this.#optedOut,
    };
    return this.buildFrom({ learning: learning as LearningStore, people: people as PeopleStore }, settings, signal);
  }

  buildFrom(
    stores: { readonly learning: LearningStore; readonly people: PeopleStore },
    settings: Partial<DatasetSettings> = {},
    signal = new AbortController().signal,
  ): Promise<BuiltDataset> {
    return buildDataset(
      { ...stores, now: () => NOW_MS },
      {
        scope: this.scope,
        days: 30,
        settings: { ...SETTINGS, ...settings },
        systemPromptFor: async () => "Be kind.",
        signal,
      },
    );
  }

  #page({ sinceMs, after, limit }: RatedTurnsQuery): readonly RatedTurn[] {
    const fresh = this.#rated.filter(({ turn }) => turn.askedAtMs >= sinceMs);
    const start = after === undefined ? 0 : fresh.findIndex(({ turn }) => turn.id === after) + 1;
    return fresh.slice(start, start + limit);
  }
}

function turnOf(scope: LearningScope, index: number, said: Said): Turn {
  const visibility = said.visibility ?? "public";
  return {
    id: said.id ?? `turn-${String(index).padStart(5, "0")}`,
    conversationId: said.conversation ?? `conversation-${index}`,
    platform: scope.workspaceId.startsWith("slack:") ? "slack" : "local",
    workspaceId: scope.workspaceId,
    channelId: "C1",
    visibility,
    audience: audienceOf(visibility, "C1"),
    position: 0,
    askerId: said.asker ?? "ana",
    revision: 0,
    inputTurnIds: (said.inputs ?? []).map((input) => input.id),
    question: said.question ?? `Where do I find the ${wordFor(index)} form?`,
    reply: said.reply ?? `The ${wordFor(index)} form lies in the ${wordFor(index + 1)} folder.`,
    status: "complete",
    domain: { domain: scope.domain, by: "keywords", score: 1, reason: "test" },
    arm: { epoch: 0 },
    provenance: {
      modelDigest: "m",
      modelName: "model",
      systemPromptHash: "p",
      cache: { hit: "none", reason: "test" },
      promptTokens: 1,
      replyTokens: 1,
      totalMs: 1,
      turnsCut: 0,
      endedBy: "stop",
    },
    messages: [],
    askedAtMs: NOW_MS - 86_400_000 + index,
    ...said.turn,
  };
}

/** Different for every index, and unlike its neighbours. */
function wordFor(index: number): string {
  const syllables = ["ba", "ke", "mi", "ro", "tu", "sha", "le", "vi", "zo", "gru", "pan", "dol"];
  let word = "";
  for (let rest = index * 7919 + 104_729, at = 0; at < 5; at++, rest = Math.floor(rest / syllables.length)) {
    word += syllables[rest % syllables.length] ?? "";
  }
  return word;
}
