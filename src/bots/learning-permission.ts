import type { NewId } from "#core/clock.ts";
import { hasEnded, type Run } from "#core/learning.ts";
import { type LearningLevel, type LearningPermission, learningLevelOf } from "#core/people.ts";
import type { LearningScope } from "#core/scope.ts";
import type { PeopleStore } from "#store/people-store.ts";
import { cancelTraining, type RequestParts } from "#trainer/request-training.ts";

/** What an admin confirms. A change of the text is a new version: who allowed which words stays known. */
export const LEARNING_WORDING = {
  version: 1,
  text: [
    "**What learning means here.** At `examples`, answers that people of this workspace liked or corrected are shown to the model",
    "as examples when somebody asks something alike. At `adapters`, they also train a small add-on to the model (an adapter),",
    "which is tested and put into service here. Both happen on the operator's own machines; nothing is sent to Discord or Slack",
    "or to anybody else, and nothing said in one private channel or direct message is used for another.",
    "",
    "**What you confirm.** Discord and Slack restrict training models on content from their APIs. By allowing this you say that",
    "you administer this workspace, that you have the right to let its messages be used so under the platform's terms and the",
    "law, and that its people were told.",
    "",
    "**What stays with each person.** Anyone can opt out with `/privacy`; their words and their scores then teach nothing. Anyone",
    "can have their data erased, which also takes adapters that learned from it out of service. You can take this back at any",
    "time with `/learning off`.",
  ]
    // Discord shows every line break; what stands between the paragraphs is two of these spaces.
    .join(" ")
    .replaceAll("  ", "\n\n"),
} as const;

export interface LearningState {
  readonly level: LearningLevel;
  /** Undefined: nobody said anything yet, the platform's default holds. */
  readonly permission?: LearningPermission;
}

export async function readLearning(
  people: Pick<PeopleStore, "getPermission">,
  workspaceId: string,
): Promise<LearningState> {
  const permission = await people.getPermission(workspaceId);
  return { level: learningLevelOf(permission, workspaceId), ...(permission === undefined ? {} : { permission }) };
}

/** The request for runs, whose queue is needed when a permission is taken back. */
export interface LearningParts extends RequestParts {
  readonly newId: NewId;
}

export interface LearningAct {
  readonly workspaceId: string;
  readonly level: LearningLevel;
  readonly by: string;
  readonly nowMs: number;
}

export interface LearningChange {
  readonly before: LearningLevel;
  readonly after: LearningLevel;
  readonly runsCancelled: readonly Run[];
  /** Scopes whose adapter stays in service: taking it out is a decision of its own. */
  readonly stillServed: readonly LearningScope[];
  /** Markdown, for the admin. */
  readonly text: string;
}

/**
 * Records who allowed what, when and in which words. Taking a permission back cancels the runs of the workspace, stops the next
 * data set and, at `off`, the examples at the next question; adapters in service stay until an admin rolls back.
 */
export async function allowLearning(parts: LearningParts, act: LearningAct): Promise<LearningChange> {
  const { workspaceId, level, by, nowMs } = act;
  const { level: before } = await readLearning(parts.people, workspaceId);
  await parts.people.putPermission({
    workspaceId,
    level,
    grantedBy: by,
    wordingVersion: LEARNING_WORDING.version,
    changedAtMs: nowMs,
  });
  await parts.people.appendAudit({
    id: parts.newId(),
    atMs: nowMs,
    who: by,
    what: `learning.allowed ${level} (wording ${LEARNING_WORDING.version})`,
    workspaceId,
    before,
    after: level,
  });
  parts.events.publish({ kind: "learning.changed", workspaceId });
  parts.log.info({ workspaceId, before, after: level, by }, "learning.changed");
  const runsCancelled = level === "adapters" ? [] : await cancelRuns(parts, workspaceId, by);
  const stillServed = level === "adapters" ? [] : await listServed(parts, workspaceId);
  const change = { before, after: level, runsCancelled, stillServed };
  return { ...change, text: describeChange(change) };
}

const RUNS_LOOKED_AT_MAX = 1000;

async function cancelRuns(parts: LearningParts, workspaceId: string, by: string): Promise<readonly Run[]> {
  const cancelled: Run[] = [];
  for (const run of await parts.learning.listRuns({ limit: RUNS_LOOKED_AT_MAX })) {
    if (run.scope.workspaceId !== workspaceId || hasEnded(run.state)) continue;
    if (await cancelTraining(parts, run.id, by)) cancelled.push(run);
  }
  return cancelled;
}

async function listServed({ learning }: LearningParts, workspaceId: string): Promise<readonly LearningScope[]> {
  const services = await learning.listServices();
  return services
    .filter(({ scope, active }) => scope.workspaceId === workspaceId && active !== undefined)
    .map(({ scope }) => scope);
}

const MEANING = {
  off: "Nothing is learned here.",
  examples: "Liked and corrected answers may be shown to the model as examples; nothing is trained.",
  adapters: "Liked and corrected answers may be shown as examples and may train adapters.",
} as const satisfies Record<LearningLevel, string>;

function describeChange(change: Omit<LearningChange, "text">): string {
  const { before, after, runsCancelled, stillServed } = change;
  const domains = [...new Set(stillServed.map(({ domain }) => domain))].toSorted();
  const were =
    before === after ? `Learning stays at \`${after}\`.` : `Learning was \`${before}\` and is now \`${after}\`.`;
  return [
    `${were} ${MEANING[after]}`,
    ...(runsCancelled.length === 0 ? [] : [`${countOf(runsCancelled.length, "training run")} cancelled.`]),
    ...(domains.length === 0
      ? []
      : [
          `What was learned before stays in service for ${domains.join(", ")}, so that no answer changes by surprise. ` +
            "To take it out, use `/rollback` with the domain.",
        ]),
  ].join("\n");
}

function countOf(count: number, what: string): string {
  return count === 1 ? `1 ${what} was` : `${count} ${what}s were`;
}
