import { type Criterion, type CriterionId, LIGHT_EMOJI } from "#core/readiness.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { ReadinessView, TrainingAvailability } from "#dashboard/api-records.ts";
import { EmojiText } from "../parts/emoji-text.tsx";
import { formatNumber } from "../parts/format.ts";

interface ReadinessCardProps {
  readonly view: ReadinessView;
  readonly title: string;
  /** What the domain is about. */
  readonly about: string | undefined;
  readonly training: TrainingAvailability;
  readonly isOpen: boolean;
  readonly onStart: () => void;
  readonly onShowRun: () => void;
}

const NAMES: Record<CriterionId, string> = {
  conversations: "Conversations",
  messages: "Messages",
  feedback: "Scored replies",
  scoreMean: "Mean score",
  examples: "Liked or corrected",
  raters: "People who score",
  newExamples: "New since last training",
};

const LIGHT_WORDS = { red: "Just begun", yellow: "Getting there", green: "Ready" } as const;

/** One domain: how much it has to learn from, and the button that trains it. */
export function ReadinessCard({ view, title, about, training, isOpen, onStart, onShowRun }: ReadinessCardProps) {
  return (
    <details className="card readiness" open={isOpen}>
      <summary>
        <span className="light" aria-hidden="true">
          {LIGHT_EMOJI[view.light]}
        </span>
        <span className="card-title">{title}</span>
        <span className="card-note">
          {LIGHT_WORDS[view.light]} · {Math.floor(view.progress * 100)} %
        </span>
      </summary>
      {about !== undefined && <p className="about">{about}</p>}
      <ul className="criteria">
        {view.criteria.map((criterion) => (
          <CriterionRow key={criterion.id} criterion={criterion} />
        ))}
      </ul>
      {view.missing.length > 0 && (
        <div className="missing">
          <h3>What is missing</h3>
          <ul>
            {view.missing.map((item) => (
              <li key={item}>
                <EmojiText text={item} />
              </li>
            ))}
          </ul>
        </div>
      )}
      {view.domain !== ALL_DOMAINS && (
        <StartTraining view={view} title={title} training={training} onStart={onStart} onShowRun={onShowRun} />
      )}
    </details>
  );
}

function CriterionRow({ criterion }: { readonly criterion: Criterion }) {
  const { id, value, threshold, progress, isMet } = criterion;
  const light = isMet ? "green" : progress >= 0.5 ? "yellow" : "red";
  const words = `${formatNumber(id === "scoreMean" ? Math.round(value * 10) / 10 : value)} / ${formatNumber(threshold)}`;
  return (
    <li className={`criterion criterion-${light}`}>
      <span className="criterion-name">
        <span aria-hidden="true">{LIGHT_EMOJI[light]}</span> {NAMES[id]}
      </span>
      <span className="criterion-value">{words}</span>
      <progress max={1} value={progress} aria-label={`${NAMES[id]}: ${words}`} />
    </li>
  );
}

type StartTrainingProps = Omit<ReadinessCardProps, "isOpen" | "about">;

function StartTraining({ view, title, training, onStart, onShowRun }: StartTrainingProps) {
  const reason = whyNot(view, training);
  if (view.activeRunId !== undefined) {
    return (
      <div className="start">
        <button type="button" className="button button-wide" onClick={onShowRun}>
          Show the running training
        </button>
      </div>
    );
  }
  const id = `why-${view.domain}`;
  return (
    <div className="start">
      <button
        type="button"
        className="button button-primary button-wide"
        disabled={reason !== undefined}
        aria-describedby={id}
        aria-label={`Start fine-tuning ${title}`}
        onClick={onStart}
      >
        Start fine-tuning
      </button>
      <p id={id} className="start-why">
        {reason ?? "Runs beside the chat, at low priority. The result goes into service only if it is proven better."}
      </p>
    </div>
  );
}

function whyNot(view: ReadinessView, training: TrainingAvailability): string | undefined {
  if (!training.isAvailable) {
    return `Training is not available: ${training.why ?? "unknown"}. ${training.hint ?? ""}`.trim();
  }
  if (view.light === "green") return undefined;
  const unmet = view.criteria.filter((criterion) => !criterion.isMet).length;
  return `Wakes up when every bar is full: ${unmet} of ${view.criteria.length} still to go.`;
}
