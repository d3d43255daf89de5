import { useState } from "react";
import type { RunView } from "#dashboard/api-records.ts";
import { formatAgo } from "../parts/format.ts";
import { RunCard, STATE_WORDS, toneOf } from "./run-card.tsx";

interface TrainingTabProps {
  readonly runs: readonly RunView[];
  readonly titleOf: (domain: string) => string;
  readonly onCancel: (runId: string) => void;
}

/** The run that was picked, else the newest, and the list of all. */
export function TrainingTab({ runs, titleOf, onCancel }: TrainingTabProps) {
  const [pickedId, setPickedId] = useState<string>();
  const shown = runs.find((run) => run.id === pickedId) ?? runs.find((run) => !run.hasEnded) ?? runs[0];
  const nowMs = Date.now();
  if (shown === undefined) {
    return (
      <p className="panel-empty">
        No training yet. When a domain's bars are full, start one under Readiness: its progress and its result appear
        here.
      </p>
    );
  }
  return (
    <>
      <RunCard key={shown.id} run={shown} title={titleOf(shown.domain)} onCancel={() => onCancel(shown.id)} />
      {runs.length > 1 && (
        <section aria-label="All trainings">
          <h3 className="panel-heading">All trainings</h3>
          <ul className="rows">
            {runs.map((run) => (
              <li key={run.id}>
                <button type="button" aria-pressed={run.id === shown.id} onClick={() => setPickedId(run.id)}>
                  <span className="row-title">
                    {titleOf(run.domain)}
                    {run.grade !== undefined && ` · grade ${run.grade}`}
                  </span>
                  <span className="row-note">{formatAgo(run.requestedAtMs, nowMs)}</span>
                  <span className={`badge badge-${toneOf(run.state)}`}>{STATE_WORDS[run.state]}</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
