import type { Now } from "#core/clock.ts";
import type { LearningScope } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import type { Embedder } from "#inference/embedder.ts";
import type { ChatStore } from "#store/chat-store.ts";
import type { LearningStore } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import type { TurnVectorStore } from "#store/turn-vector-store.ts";
import type { Consent } from "#trainer/dataset-consent.ts";
import { exampleAnswerOf } from "./example-answer.ts";
import { type ExampleVectors, vectorsOf } from "./example-index.ts";

/** Brings examples from the store into the index, and says what holds at this moment. */
export interface ExampleReader {
  /** The newest rated turns of a scope. Embeds what was never embedded, which takes 15 ms each: not for a question to wait for. */
  readScope(scope: LearningScope): Promise<void>;
  /** One turn whose words or feedback changed, if its scope is in the index. */
  readTurn(turnId: string): Promise<void>;
  /** What the turn teaches, by the store. */
  answerOf(turn: Turn, scope: LearningScope): Promise<string | undefined>;
}

export interface ReaderParts {
  readonly chat: ChatStore;
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly vectors: TurnVectorStore;
  readonly embedder: Embedder;
  readonly settings: ReaderSettings;
  readonly now: Now;
}

export interface ReaderSettings {
  /** Age of the oldest example. */
  readonly days: number;
  /** The newest rated turns of a scope that are looked at. */
  readonly turnsMax: number;
}

const DAY_MS = 86_400_000;
const PAGE_TURNS = 50;

export function createExampleReader(
  parts: ReaderParts,
  index: ExampleVectors,
  isStopped: () => boolean,
): ExampleReader {
  const { settings } = parts;

  async function readScope(scope: LearningScope): Promise<void> {
    const consent = await readConsent(scope);
    const sinceMs = parts.now() - settings.days * DAY_MS;
    const found: Turn[] = [];
    let after: string | undefined;
    for (let looked = 0; looked < settings.turnsMax && !isStopped(); looked += PAGE_TURNS) {
      const limit = Math.min(PAGE_TURNS, settings.turnsMax - looked);
      const place = after === undefined ? {} : { after };
      const page = await parts.learning.pageRatedTurns({ scope, sinceMs, limit, isNewestFirst: true, ...place });
      for (const { turn, inputs, feedback } of page) {
        if (exampleAnswerOf(turn, inputs, feedback, await withSources(consent, turn)) !== undefined) found.push(turn);
      }
      after = page.at(-1)?.turn.id;
      if (page.length < limit) break;
      await new Promise<void>((resolve) => setImmediate(resolve)); // chat goes first
    }
    const vectors = await vectorsOf(
      parts,
      found.map(({ id: turnId, question }) => ({ turnId, question })),
      isStopped,
    );
    index.replace(
      scope,
      found.flatMap(({ id: turnId, askedAtMs }) => {
        const vector = vectors.get(turnId);
        return vector === undefined ? [] : [{ turnId, askedAtMs, vector }];
      }),
    );
  }

  async function readTurn(turnId: string): Promise<void> {
    index.remove(turnId);
    const turn = await parts.chat.findTurn(turnId);
    if (turn === undefined) return;
    const scope = { workspaceId: turn.workspaceId, audience: turn.audience, domain: turn.domain.domain };
    if (!index.has(scope) || (await answerOf(turn, scope)) === undefined) return;
    const vector = (await vectorsOf(parts, [{ turnId, question: turn.question }], isStopped)).get(turnId);
    if (vector !== undefined) index.put(scope, { turnId, askedAtMs: turn.askedAtMs, vector });
  }

  async function answerOf(turn: Turn, scope: LearningScope): Promise<string | undefined> {
    const feedback = await parts.chat.listFeedback(turn.id);
    if (feedback.length === 0) return undefined;
    const inputs = (await Promise.all(turn.inputTurnIds.map((id) => parts.chat.findTurn(id)))).flatMap(
      (input) => input ?? [],
    );
    return exampleAnswerOf(turn, inputs, feedback, await withSources(await readConsent(scope), turn));
  }

  async function readConsent(scope: LearningScope): Promise<Consent> {
    const optedOut = new Set(await parts.people.listOptedOut(scope.workspaceId));
    return { scope, optedOut, askers: new Map() };
  }

  /** Whose words a reply rests on that was served from the cache or made after examples. */
  async function withSources(consent: Consent, { provenance }: Turn): Promise<Consent> {
    const { cache, exampleTurnIds = [] } = provenance;
    const sources = cache.sourceTurnId === undefined ? exampleTurnIds : [cache.sourceTurnId, ...exampleTurnIds];
    if (consent.optedOut.size === 0 || sources.length === 0) return consent;
    const turns = await Promise.all(sources.map((id) => parts.chat.findTurn(id)));
    return {
      ...consent,
      askers: new Map(turns.flatMap((turn) => (turn === undefined ? [] : [[turn.id, turn.askerId]]))),
    };
  }

  return { readScope, readTurn, answerOf };
}
