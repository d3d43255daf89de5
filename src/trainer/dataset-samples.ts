import { type Feedback, isDisliked, isExample, isLiked, meanScore, SCORE_LIKED_MIN } from "#core/feedback.ts";
import type { Turn } from "#core/turn.ts";
import { composePrompt, type PromptParts } from "#inference/compose-prompt.ts";
import type { PromptMessage } from "#inference/inference-engine.ts";
import type { RatedTurn } from "#store/learning-store.ts";
import { type Consent, heard, isEndorsed, refusalOf } from "./dataset-consent.ts";
import type { DropTally, FilterId } from "./dataset-filters.ts";
import type { DatasetSettings } from "./dataset-row.ts";
import type { PreparedText, TextPreparer } from "./dataset-text.ts";

/** A turn that may be learned from, its words cleaned and masked. */
export interface Sample {
  readonly turnId: string;
  readonly conversationId: string;
  readonly askerId: string;
  readonly askedAtMs: number;
  readonly messages: readonly PromptMessage[];
  readonly question: string;
  /** Without history: the question means the same wherever it is asked. */
  readonly isAlone: boolean;
  /** Undefined when the reply itself cannot be learned from: cut, failed, broken. */
  readonly reply?: string;
  readonly correction?: { readonly text: string; readonly authorId: string };
  readonly scoreMean?: number;
  readonly opinion: "liked" | "disliked" | "none";
  readonly likerIds: readonly string[];
  readonly servedAgain: number;
  /** Every turn whose words are in it, itself included: when one is forgotten, so is what learned from this. */
  readonly restsOn: readonly string[];
  readonly secrets: number;
  readonly personalData: number;
}

export interface SamplingParts {
  readonly texts: TextPreparer;
  readonly tally: DropTally;
  readonly settings: DatasetSettings;
  readonly systemPrompt: string;
}

/** Undefined, and counted, when nothing may or can be learned from the turn. */
export function sampleOf(rated: RatedTurn, consent: Consent, parts: SamplingParts): Sample | undefined {
  const { turn, servedAgain } = rated;
  const feedback = heard(rated.feedback, consent.optedOut);
  const isUndecided =
    servedAgain === 0 && meanScore(feedback) !== undefined && !isExample(feedback) && !isDisliked(feedback);
  const drop = (filter: FilterId): undefined => {
    // A turn that nobody scored is there only to stand beside its regenerations: losing it is no loss to report.
    if (hasOpinion(rated) && !isUndecided) parts.tally.add(filter);
  };
  const refusal = refusalOf(rated, consent);
  if (refusal !== undefined) return drop(refusal);
  if (isUndecided) parts.tally.add("undecided");
  const opinion = isLiked(feedback) ? "liked" : isDisliked(feedback) ? "disliked" : "none";
  const prompt = preparePrompt(rated, parts);
  if (typeof prompt === "string") return drop(prompt);
  const correction = chooseCorrection(turn, feedback, parts);
  const reply = prepareReply(turn, parts);
  if (typeof reply === "string" && correction === undefined) drop(reply);
  const used = [
    ...prompt.used,
    ...(correction === undefined ? [] : [correction.prepared]),
    ...(typeof reply === "string" ? [] : [reply]),
  ];
  const scoreMean = meanScore(feedback);
  return {
    turnId: turn.id,
    conversationId: turn.conversationId,
    askerId: turn.askerId,
    askedAtMs: turn.askedAtMs,
    messages: prompt.messages,
    question: prompt.question,
    isAlone: prompt.isAlone,
    ...(typeof reply === "string" ? {} : { reply: reply.text }),
    ...(correction === undefined
      ? {}
      : { correction: { text: correction.prepared.text, authorId: correction.authorId } }),
    ...(scoreMean === undefined ? {} : { scoreMean }),
    opinion,
    likerIds: feedback.filter((item) => (item.score ?? 0) >= SCORE_LIKED_MIN).map((item) => item.userId),
    servedAgain,
    restsOn: [turn, ...rated.inputs].flatMap(wordsIn),
    secrets: used.reduce((sum, text) => sum + text.secrets, 0),
    personalData: used.reduce((sum, text) => sum + text.personalData, 0),
  };
}

function wordsIn({ id, provenance: { exampleTurnIds = [], cache } }: Turn): readonly string[] {
  return [id, ...exampleTurnIds, ...(cache.sourceTurnId === undefined ? [] : [cache.sourceTurnId])];
}

/** Every text that `sampleOf` looks at. */
export function textsOf({ turn, inputs, feedback }: RatedTurn): readonly string[] {
  const corrections = feedback.flatMap((item) => (item.correction === undefined ? [] : [item.correction]));
  return [...inputs, turn].flatMap((each) => [each.question, each.reply]).concat(corrections);
}

function hasOpinion({ feedback, servedAgain }: RatedTurn): boolean {
  return servedAgain > 0 || feedback.some((item) => item.score !== undefined || item.correction !== undefined);
}

interface PreparedPrompt {
  readonly messages: readonly PromptMessage[];
  readonly question: string;
  readonly isAlone: boolean;
  readonly used: readonly PreparedText[];
}

/** What was shown as an example is left out: an adapter learns to answer without it. */
function preparePrompt({ turn, inputs: shown }: RatedTurn, parts: SamplingParts): PreparedPrompt | FilterId {
  const { texts, settings, systemPrompt } = parts;
  const inputs = shown.filter(({ id }) => turn.provenance.exampleTurnIds?.includes(id) !== true);
  const history: PromptParts["history"][number][] = [];
  const used: PreparedText[] = [];
  // Questions have their own limit when they are asked; in a history either text only has to be sane.
  const longest = Math.max(settings.questionMaxChars, settings.replyMaxChars);
  for (const input of inputs) {
    const [asked, replied] = [texts.prepare(input.question, longest), texts.prepare(input.reply, longest)];
    if ("dropped" in asked) return asked.dropped;
    if ("dropped" in replied) return replied.dropped;
    history.push({ ...input, question: asked.text, reply: replied.text });
    used.push(asked, replied);
  }
  const question = texts.prepare(turn.question, settings.questionMaxChars);
  if ("dropped" in question) return question.dropped;
  const { askerNumber } = turn;
  const asker = { askerId: turn.askerId, ...(askerNumber === undefined ? {} : { askerNumber }) };
  return {
    messages: composePrompt({ systemPrompt, history, question: question.text, ...asker }),
    question: question.text,
    isAlone: inputs.length === 0,
    used: [...used, question],
  };
}

function prepareReply(turn: Turn, { texts, settings }: SamplingParts): PreparedText | FilterId {
  const { endedBy } = turn.provenance;
  if (turn.status !== "complete" || (endedBy !== "stop" && endedBy !== "cache")) return "cut-reply";
  const prepared = texts.prepare(turn.reply, settings.replyMaxChars);
  return "dropped" in prepared ? prepared.dropped : prepared;
}

/** The newest correction that somebody else or an admin agreed with; on the local platform the author's word is enough. */
function chooseCorrection(turn: Turn, feedback: readonly Feedback[], { texts, settings, tally }: SamplingParts) {
  const newestFirst = feedback
    .flatMap(({ correction, ...item }) => (correction === undefined ? [] : [{ ...item, correction }]))
    .sort((a, b) => b.correctionAtMs - a.correctionAtMs || (a.userId < b.userId ? -1 : 1));
  for (const item of newestFirst) {
    if (!isEndorsed(turn, item)) {
      tally.add("not-endorsed");
      continue;
    }
    const prepared = texts.prepare(item.correction, settings.replyMaxChars);
    if ("dropped" in prepared) tally.add(prepared.dropped);
    else return { prepared, authorId: item.userId };
  }
  return undefined;
}
