import type { NewId, Now } from "#core/clock.ts";
import { type LearningScope, scopeKey } from "#core/scope.ts";
import type { PersonData, PrivacyStore } from "#store/privacy-store.ts";
import { retrain, type WithdrawParts, withdrawAdapters } from "#trainer/withdraw-adapters.ts";
import type { Person, PrivacyActs } from "./command-parts.ts";
import { readLearning } from "./learning-permission.ts";

export interface PrivacyParts extends WithdrawParts {
  readonly privacy: PrivacyStore;
  readonly now: Now;
  readonly newId: NewId;
}

/** What people may ask about themselves. Nobody else's words are in what they get; their ids stay out of every log line. */
export function createPrivacyActs(parts: PrivacyParts): PrivacyActs {
  return {
    describe: (person) => describe(parts, person),
    choose: (person, learns) => choose(parts, person, learns),
    exportData: (person) => exportData(parts, person),
    forget: (person) => forget(parts, person),
  };
}

const LEVEL_MEANS = {
  off: "nothing of this workspace teaches the assistant",
  examples: "liked answers of this workspace may be shown to the model as examples",
  adapters: "liked answers of this workspace may be shown to the model as examples and may train it",
} as const;

async function describe({ people, privacy }: PrivacyParts, { workspaceId, userId }: Person): Promise<string> {
  const { level, permission } = await readLearning(people, workspaceId);
  const { turns, feedback, reports, choice } = await privacy.exportPerson(workspaceId, userId);
  const taught = feedback.filter(({ correction }) => correction !== undefined).length;
  const scores = feedback.filter(({ score }) => score !== undefined).length;
  const oldest = turns.reduce((first, { askedAtMs }) => Math.min(first, askedAtMs), Number.POSITIVE_INFINITY);
  const since = turns.length === 0 ? "" : `, the oldest of ${dayOf(oldest)}`;
  const granted = permission === undefined || level === "off" ? "" : ` (allowed on ${dayOf(permission.changedAtMs)})`;
  return [
    "**What is stored about you here**",
    `- ${countOf(turns.length, "question")} with the answers${since}`,
    `- ${countOf(scores, "score")}, ${countOf(taught, "taught answer")}, ${countOf(reports.length, "report")}`,
    `- Learning here: \`${level}\`: ${LEVEL_MEANS[level]}${granted}`,
    choice?.learns === false
      ? `- You opted out on ${dayOf(choice.changedAtMs)}: nothing of yours teaches it`
      : "- You did not opt out",
    "",
    "`/privacy export` gives you a copy, `/privacy opt-out` keeps your words out of learning, `/privacy forget` erases them.",
  ].join("\n");
}

async function choose(parts: PrivacyParts, { workspaceId, userId }: Person, learns: boolean): Promise<string> {
  await parts.people.putChoice({ workspaceId, userId, learns, changedAtMs: parts.now() });
  parts.events.publish({ kind: "learning.changed", workspaceId });
  if (learns)
    return "You opted in: answers that you like or teach may help here, as far as the workspace allows learning.";
  return [
    "You opted out. From now on your questions, scores and taught answers are in no example and in no new data set.",
    "An adapter that was trained before stays; `/privacy forget` erases your data and takes such adapters out of service too.",
  ].join("\n");
}

/** One JSON document. Answers are part of it; other people's words are not. */
async function exportData({ people, privacy, now }: PrivacyParts, { workspaceId, userId }: Person): Promise<string> {
  const [data, { level }] = await Promise.all([
    privacy.exportPerson(workspaceId, userId),
    readLearning(people, workspaceId),
  ]);
  const exported = {
    format: "reactune-person",
    version: 1,
    exportedAt: new Date(now()).toISOString(),
    workspaceId,
    userId,
    learning: { level, learns: data.choice?.learns ?? true },
    questions: data.turns.map((turn) => ({
      id: turn.id,
      askedAt: new Date(turn.askedAtMs).toISOString(),
      channelId: turn.channelId,
      ...(turn.threadId === undefined ? {} : { threadId: turn.threadId }),
      visibility: turn.visibility,
      question: turn.question,
      answer: turn.reply,
      status: turn.status,
      domain: turn.domain.domain,
      model: turn.provenance.modelName,
    })),
    feedback: data.feedback.map(feedbackOf),
    reports: data.reports.map(({ turnId, reason, atMs }) => ({
      id: turnId,
      at: new Date(atMs).toISOString(),
      ...(reason === undefined ? {} : { reason }),
    })),
  };
  return `${JSON.stringify(exported, null, 2)}\n`;
}

function feedbackOf({
  turnId,
  score,
  emoji,
  comment,
  correction,
  source,
  scoreAtMs,
  commentAtMs,
  correctionAtMs,
}: PersonData["feedback"][number]) {
  return {
    id: turnId,
    at: new Date(Math.max(scoreAtMs, commentAtMs, correctionAtMs)).toISOString(),
    source,
    ...(score === undefined ? {} : { score }),
    ...(emoji === undefined ? {} : { emoji }),
    ...(comment === undefined ? {} : { comment }),
    ...(correction === undefined ? {} : { taughtAnswer: correction }),
  };
}

/**
 * The weights first, then the words, then a new training: a kill in between leaves nothing in service that learned from words that
 * are gone, and asking again finishes what was left.
 */
async function forget(parts: PrivacyParts, { workspaceId, userId }: Person): Promise<string> {
  const act = { by: userId, reason: "somebody had their data erased" };
  const { turns, feedback } = await parts.privacy.exportPerson(workspaceId, userId);
  const taught = feedback.filter(({ correction }) => correction !== undefined);
  const spoken = [...turns.map(({ id }) => id), ...taught.map(({ turnId }) => turnId)];
  const before = await withdrawAdapters(parts, workspaceId, spoken, act);
  const erased = await parts.privacy.erasePerson(workspaceId, userId, parts.now());
  for (const turnId of erased.turnIds) parts.events.publish({ kind: "turn.changed", turnId });
  // What somebody said meanwhile, and answers to others that held it.
  const after = await withdrawAdapters(parts, workspaceId, erased.turnIds, act);
  const adapters = before.adapters.length + after.adapters.length;
  const { requested } = await retrain(parts, {
    scopes: scopesOf([...before.scopes, ...after.scopes]),
    runsCancelled: [...before.runsCancelled, ...after.runsCancelled],
  });
  const counts = { turns: erased.turnIds.length, feedback: erased.feedback, adapters };
  await parts.people.appendAudit({
    id: parts.newId(),
    atMs: parts.now(),
    who: userId,
    what: "person.erased",
    workspaceId,
    after: `${counts.turns} turns, ${counts.feedback} opinions, ${adapters} adapters`,
  });
  parts.log.info({ workspaceId, ...counts }, "person.erased");
  return describeForgetting({ ...counts, isRetrained: requested.length > 0 });
}

interface Forgotten {
  readonly turns: number;
  readonly feedback: number;
  readonly adapters: number;
  readonly isRetrained: boolean;
}

function describeForgetting({ turns, feedback, adapters, isRetrained }: Forgotten): string {
  const next = isRetrained
    ? "A new training without your words is queued."
    : "A new training without your words follows when there is enough to learn from.";
  return [
    `Erased: ${countOf(turns, "turn")} (yours, and answers to others that held your words) and ${countOf(feedback, "opinion")}.`,
    ...(adapters === 0
      ? []
      : [`Out of service for good: ${countOf(adapters, "adapter")} that had learned from them. ${next}`]),
    "What you wrote on the platform itself stays there until you delete it.",
  ].join("\n");
}

function scopesOf(scopes: readonly LearningScope[]): readonly LearningScope[] {
  return [...new Map(scopes.map((scope) => [scopeKey(scope), scope])).values()];
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}

function countOf(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
