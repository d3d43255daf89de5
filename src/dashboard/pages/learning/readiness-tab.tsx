import { LIGHT_EMOJI } from "#core/readiness.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { ReadinessView, TrainingAvailability } from "#dashboard/api-records.ts";
import { ReadinessCard } from "./readiness-card.tsx";

interface ReadinessTabProps {
  readonly readiness: readonly ReadinessView[];
  readonly training: TrainingAvailability;
  readonly titleOf: (domain: string) => string;
  readonly onStart: (domain: string) => void;
  readonly onShowRun: () => void;
}

export function ReadinessTab({ readiness, training, titleOf, onStart, onShowRun }: ReadinessTabProps) {
  const whole = readiness.find((view) => view.domain === ALL_DOMAINS);
  const domains = readiness.filter((view) => view.domain !== ALL_DOMAINS);
  const furthest = domains.reduce<ReadinessView | undefined>(
    (best, view) => (best === undefined || view.progress > best.progress ? view : best),
    undefined,
  );
  const card = (view: ReadinessView, title: string, isOpen: boolean) => (
    <ReadinessCard
      key={view.domain}
      view={view}
      title={title}
      training={training}
      isOpen={isOpen}
      onStart={() => onStart(view.domain)}
      onShowRun={onShowRun}
    />
  );
  return (
    <>
      <p className="panel-note">
        Aim at 20 liked conversations and 100 rated messages: replies with <span className="emoji">🙂</span> or{" "}
        <span className="emoji">😍</span>, or with a better answer that you taught, are what a domain learns from.
      </p>
      {domains.map((view) => card(view, titleOf(view.domain), view === furthest))}
      {whole !== undefined && card(whole, "Everything together", false)}
      <p className="legend">
        {LIGHT_EMOJI.green} enough · {LIGHT_EMOJI.yellow} at least half · {LIGHT_EMOJI.red} less
      </p>
    </>
  );
}
