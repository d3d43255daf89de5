import { createHash } from "node:crypto";
import type { Now } from "#core/clock.ts";
import type { LearningScope } from "#core/scope.ts";
import { normaliseText } from "#core/text-similarity.ts";
import type { SystemPromptFor } from "#inference/reply-language.ts";
import type { LearningStore, RatedTurn } from "#store/learning-store.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { breathe } from "./dataset-breath.ts";
import {
  byWorth,
  type Candidate,
  candidateOf,
  capPerPerson,
  dropDuplicates,
  dropRepeatedReplies,
  targetsToCompare,
} from "./dataset-candidates.ts";
import { type Consent, mayTrain } from "./dataset-consent.ts";
import { DropTally } from "./dataset-filters.ts";
import { findNearTexts } from "./dataset-near.ts";
import { pairUp } from "./dataset-pairs.ts";
import type { BuiltDataset, DatasetRow, DatasetSettings, NegativeRow, PairRow } from "./dataset-row.ts";
import { type Sample, sampleOf, textsOf } from "./dataset-samples.ts";
import { holdOut } from "./dataset-split.ts";
import { TextPreparer } from "./dataset-text.ts";

export interface DatasetParts {
  readonly learning: LearningStore;
  readonly people: PeopleStore;
  readonly now: Now;
}

export interface DatasetRequest {
  readonly scope: LearningScope;
  readonly days: number;
  readonly settings: DatasetSettings;
  /** What the engine is given now: a row is learned under the prompt it will be used with. */
  readonly systemPromptFor: SystemPromptFor;
  readonly signal: AbortSignal;
}

const DAY_MS = 86_400_000;
const PAGE_TURNS = 200;

/**
 * Turns what people liked, corrected and disliked into rows. Only what everybody concerned permits; cleaned, masked, without
 * copies, split by conversation. Everything left out is counted with its reason. Touches no file; the same store gives the same rows.
 */
export async function buildDataset(parts: DatasetParts, request: DatasetRequest): Promise<BuiltDataset> {
  const { scope, settings, signal } = request;
  const createdAtMs = parts.now();
  const tally = new DropTally();
  const { samples, rootOf } = await collectSamples(parts, request, createdAtMs - request.days * DAY_MS, tally);
  const pairs = pairUp(samples, rootOf);
  const candidates = samples.flatMap((sample) => candidateOf(sample, settings) ?? []).sort(byWorth);
  const similarityMin = settings.nearDuplicateSimilarity;
  const questions = await findNearTexts(samples.map(questionKeyOf), { similarityMin, shingleLength: 3 }, signal);
  const compared = targetsToCompare(candidates, questions);
  const near = { questions, targets: await findNearTexts(compared, { similarityMin, shingleLength: 5 }, signal) };
  const kept = capWherePeopleMeet(
    scope,
    settings,
    dropRepeatedReplies(dropDuplicates(candidates, near, tally), tally),
    tally,
  );
  const disliked = samples.filter((sample) => sample.opinion === "disliked" && sample.reply !== undefined);
  const items = [
    ...kept.map(({ sample }) => ({ ...splitItemOf(sample), isRow: true })),
    ...[...disliked, ...pairs.map((pair) => pair.sample)].map((sample) => ({ ...splitItemOf(sample), isRow: false })),
  ];
  const held = holdOut(items, near.questions, { ratio: settings.validRatio, seed: settings.seed });
  const splitOf = ({ conversationId }: Sample) => (held.conversationIds.has(conversationId) ? "valid" : "train");
  const rows = [...kept].sort(byAge);
  const used = new Set([...rows.map(({ sample }) => sample), ...disliked, ...pairs.map((pair) => pair.sample)]);
  return {
    scope,
    createdAtMs,
    days: request.days,
    settings,
    train: rows.filter(({ sample }) => splitOf(sample) === "train").map(rowOf),
    valid: rows.filter(({ sample }) => splitOf(sample) === "valid").map(rowOf),
    negatives: disliked.map((sample): NegativeRow => {
      const { turnId: id, messages, reply: target = "", scoreMean = 1 } = sample;
      return { id, messages, target, scoreMean, conversation: conversationHash(sample), split: splitOf(sample) };
    }),
    pairs: pairs.map(({ sample, ...pair }): PairRow => {
      return { ...pair, conversation: conversationHash(sample), split: splitOf(sample) };
    }),
    sourceTurnIds: sourcesOf(
      samples,
      [...used],
      pairs.flatMap((pair) => pair.turnIds),
    ),
    dropped: tally.list(),
    masked: {
      secrets: [...used].reduce((sum, sample) => sum + sample.secrets, 0),
      personalData: [...used].reduce((sum, sample) => sum + sample.personalData, 0),
    },
    notes: held.note === undefined ? [] : [held.note],
  };
}

interface Collected {
  readonly samples: readonly Sample[];
  readonly rootOf: (turnId: string) => string;
}

async function collectSamples(
  { learning, people }: DatasetParts,
  { scope, settings, systemPromptFor, signal }: DatasetRequest,
  sinceMs: number,
  tally: DropTally,
): Promise<Collected> {
  const isPermitted = await mayTrain(people, scope.workspaceId);
  const askers = new Map<string, string>();
  const answeredAgain = new Map<string, string>();
  const consent: Consent = { scope, optedOut: new Set(await people.listOptedOut(scope.workspaceId)), askers };
  const texts = new TextPreparer(Math.max(settings.questionMaxChars, settings.replyMaxChars));
  const samples: Sample[] = [];
  for await (const page of ratedPages(learning, scope, sinceMs, signal)) {
    if (!isPermitted) {
      tally.add("permission", page.length);
      continue;
    }
    await texts.load(page.flatMap(textsOf));
    for (const rated of page) {
      const { turn } = rated;
      askers.set(turn.id, turn.askerId);
      if (turn.regenerationOf !== undefined) answeredAgain.set(turn.id, turn.regenerationOf);
      const systemPrompt = await systemPromptFor(turn.question, turn);
      const sample = sampleOf(rated, consent, { texts, tally, settings, systemPrompt });
      if (sample !== undefined) samples.push(sample);
    }
  }
  return { samples, rootOf: (turnId) => rootIn(answeredAgain, turnId) };
}

async function* ratedPages(
  learning: LearningStore,
  scope: LearningScope,
  sinceMs: number,
  signal: AbortSignal,
): AsyncGenerator<readonly RatedTurn[]> {
  for (let after: string | undefined; ; ) {
    await breathe(signal);
    const page = await learning.pageRatedTurns({
      scope,
      sinceMs,
      limit: PAGE_TURNS,
      ...(after === undefined ? {} : { after }),
    });
    yield page;
    after = page.at(-1)?.turn.id;
    if (page.length < PAGE_TURNS || after === undefined) return;
  }
}

/** A chain that bites its own tail ends where it began to repeat. */
function rootIn(answeredAgain: ReadonlyMap<string, string>, turnId: string): string {
  const seen = new Set([turnId]);
  let root = turnId;
  for (let next = answeredAgain.get(root); next !== undefined && !seen.has(next); next = answeredAgain.get(root)) {
    seen.add(next);
    root = next;
  }
  return root;
}

/** On the local platform one person is everybody. */
function capWherePeopleMeet(
  scope: LearningScope,
  settings: DatasetSettings,
  candidates: readonly Candidate[],
  tally: DropTally,
): readonly Candidate[] {
  if (scope.workspaceId.startsWith("local:")) return candidates;
  return capPerPerson(candidates, settings.examplesPerUserMax, tally);
}

function rowOf({ sample, kind, target, weight }: Candidate): DatasetRow {
  return { id: sample.turnId, kind, messages: sample.messages, target, weight, conversation: conversationHash(sample) };
}

function sourcesOf(
  samples: readonly Sample[],
  used: readonly Sample[],
  pairedIds: readonly string[],
): readonly string[] {
  const paired = new Set(pairedIds);
  const all = [...used, ...samples.filter(({ turnId }) => paired.has(turnId))];
  return [...new Set(all.flatMap(({ restsOn }) => restsOn))].sort();
}

function conversationHash({ conversationId }: Sample): string {
  return createHash("sha256").update(conversationId).digest("hex").slice(0, 16);
}

function splitItemOf(sample: Sample) {
  return { conversationId: sample.conversationId, questionKey: questionKeyOf(sample) };
}

function questionKeyOf(sample: Sample): string {
  return normaliseText(sample.question);
}

function byAge(a: Candidate, b: Candidate): number {
  return a.sample.askedAtMs - b.sample.askedAtMs || (a.sample.turnId < b.sample.turnId ? -1 : 1);
}
