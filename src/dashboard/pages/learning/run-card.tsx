import { useEffect, useRef } from "react";
import type { RunEvent, RunState } from "#core/learning.ts";
import type { RunFigure, RunView } from "#dashboard/api-records.ts";
import { formatBytes, formatDuration, formatMoment, formatNumber, formatTime } from "../parts/format.ts";
import { LossChart } from "./loss-chart.tsx";
import { useRun } from "./use-run.ts";

interface RunCardProps {
  readonly run: RunView;
  readonly title: string;
  readonly onCancel: () => void;
}

const PHASES: readonly { readonly state: RunState; readonly name: string }[] = [
  { state: "collecting", name: "Collect" },
  { state: "preflight", name: "Check" },
  { state: "training", name: "Train" },
  { state: "evaluating", name: "Prove" },
  { state: "activating", name: "Activate" },
];

export const STATE_WORDS: Record<RunState, string> = {
  queued: "Waiting for its turn",
  collecting: "Collecting examples",
  preflight: "Checking the machine",
  training: "Training",
  evaluating: "Proving",
  activating: "Going into service",
  activated: "In service",
  "waiting-for-approval": "Waits for approval",
  rejected: "Not better: rejected",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** One run: live while it goes, its result afterwards. */
export function RunCard({ run, title, onCancel }: RunCardProps) {
  const { events, figures } = useRun(run);
  return (
    <section className="card run" aria-label={`Training of ${title}`}>
      <header className="run-head">
        <h3>{title}</h3>
        <span className={`badge badge-${toneOf(run.state)}`} role={run.hasEnded ? undefined : "status"}>
          {STATE_WORDS[run.state]}
        </span>
      </header>
      {!run.hasEnded && <Phases state={run.state} />}
      {!run.hasEnded && <Progress run={run} />}
      {run.hasEnded && <Result run={run} figures={figures} />}
      <LossChart events={events} />
      <EventLog events={events} isLive={!run.hasEnded} />
      {!run.hasEnded && (
        <button type="button" className="button" onClick={onCancel}>
          Cancel training
        </button>
      )}
      <p className="run-foot">
        Asked for {formatMoment(run.requestedAtMs)}
        {run.startedAtMs !== undefined &&
          run.endedAtMs !== undefined &&
          ` · took ${formatDuration(run.endedAtMs - run.startedAtMs)}`}
      </p>
    </section>
  );
}

function Phases({ state }: { readonly state: RunState }) {
  const at = PHASES.findIndex((phase) => phase.state === state);
  return (
    <ol className="phases" aria-label="Phases">
      {PHASES.map((phase, index) => (
        <li
          key={phase.state}
          className={index < at ? "phase-done" : undefined}
          aria-current={index === at ? "step" : undefined}
        >
          {phase.name}
        </li>
      ))}
    </ol>
  );
}

function Progress({ run: { progress } }: { readonly run: RunView }) {
  if (progress === undefined) return null;
  const facts = [
    progress.epoch === undefined ? undefined : `epoch ${formatNumber(progress.epoch)}`,
    progress.lossTrain === undefined ? undefined : `loss ${progress.lossTrain.toFixed(3)}`,
    progress.tokensPerSecond === undefined
      ? undefined
      : `${formatNumber(Math.round(progress.tokensPerSecond))} tokens/s`,
    progress.memoryBytes === undefined ? undefined : formatBytes(progress.memoryBytes),
    progress.leftMs === undefined ? undefined : `${formatDuration(progress.leftMs)} left`,
  ].filter((fact) => fact !== undefined);
  return (
    <div className="run-progress">
      <progress max={Math.max(1, progress.stepsTotal)} value={progress.step} aria-label="Steps done" />
      <p>
        <strong>
          {formatNumber(progress.step)} / {formatNumber(progress.stepsTotal)}
        </strong>{" "}
        steps{facts.map((fact) => ` · ${fact}`)}
      </p>
    </div>
  );
}

function Result({ run, figures }: { readonly run: RunView; readonly figures: readonly RunFigure[] }) {
  return (
    <div className="result">
      {run.grade !== undefined && (
        <p className={`grade grade-${run.grade}`}>
          <span className="sr-only">Grade </span>
          {run.grade}
        </p>
      )}
      <div className="result-words">
        {run.verdict !== undefined && <p>{run.verdict}</p>}
        {run.error !== undefined && (
          <p>
            {run.error.message}. <strong>{run.error.hint}.</strong>
          </p>
        )}
        {run.adapter !== undefined && <p className="result-adapter">{run.adapter.name}</p>}
      </div>
      {figures.length > 0 && <Figures figures={figures} />}
    </div>
  );
}

function Figures({ figures }: { readonly figures: readonly RunFigure[] }) {
  const words = (value: number | undefined) => (value === undefined ? "–" : formatNumber(value));
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: on a phone it scrolls sideways, which the keyboard must reach
    <section className="table-scroll" tabIndex={0} aria-label="Figures of the evaluation">
      <table className="figures">
        <thead>
          <tr>
            <th scope="col">Measured on held-out chats</th>
            <th scope="col">Base</th>
            <th scope="col">Adapter</th>
          </tr>
        </thead>
        <tbody>
          {figures.map((figure) => (
            <tr key={figure.label}>
              <th scope="row">
                {figure.label}
                {figure.unit !== undefined && ` (${figure.unit})`}
              </th>
              <td>{words(figure.before)}</td>
              <td className={figure.isGood === undefined ? undefined : figure.isGood ? "good" : "bad"}>
                {words(figure.after)}
                {figure.low !== undefined && figure.high !== undefined && (
                  <small>
                    {formatNumber(figure.low)} to {formatNumber(figure.high)}
                  </small>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function EventLog({ events, isLive }: { readonly events: readonly RunEvent[]; readonly isLive: boolean }) {
  const box = useRef<HTMLOListElement>(null);
  const isFollowing = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new line moves the end
  useEffect(() => {
    if (isFollowing.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [events.length]);
  if (events.length === 0) return null;
  return (
    <details className="run-log" open={isLive}>
      <summary>Log ({formatNumber(events.length)} lines)</summary>
      <ol
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a long log scrolls, which the keyboard must reach
        tabIndex={0}
        aria-label="Log of the training"
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget;
          isFollowing.current = scrollHeight - scrollTop - clientHeight < 40;
        }}
      >
        {events.map((event) => (
          <li key={event.sequence} className={`log-${event.level}`}>
            <time>{formatTime(event.atMs)}</time> {event.message}
          </li>
        ))}
      </ol>
    </details>
  );
}

export function toneOf(state: RunState): "good" | "bad" | "live" | "quiet" {
  if (state === "activated") return "good";
  if (state === "failed" || state === "rejected") return "bad";
  return state === "cancelled" || state === "queued" || state === "waiting-for-approval" ? "quiet" : "live";
}
