import { LIGHT_EMOJI } from "#core/readiness.ts";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { DomainView, ReadinessView, TrainingAvailability } from "#dashboard/api-records.ts";
import { EmojiText } from "../parts/emoji-text.tsx";
import { ReadinessCard } from "./readiness-card.tsx";

interface ReadinessTabProps {
  readonly readiness: readonly ReadinessView[];
  readonly training: TrainingAvailability;
  readonly domains: readonly DomainView[];
  readonly titleOf: (domain: string) => string;
  readonly onStart: (domain: string) => void;
  readonly onShowRun: () => void;
}

const HINT =
  "Aim at 20 liked conversations and 100 rated messages: replies with 🙂 or 😍, or with a better answer that you " +
  "taught, are what a domain learns from.";

export function ReadinessTab({ readiness, domains: about, training, titleOf, onStart, onShowRun }: ReadinessTabProps) {
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
      about={about.find((domain) => domain.id === view.domain)?.title}
      training={training}
      isOpen={isOpen}
      onStart={() => onStart(view.domain)}
      onShowRun={onShowRun}
    />
  );
  return (
    <>
      <p className="panel-note">
        <EmojiText text={HINT} />
      </p>
      {domains.map((view) => card(view, titleOf(view.domain), view === furthest))}
      {whole !== undefined && card(whole, "Everything together", false)}
      <p className="legend">
        <EmojiText
          text={`${LIGHT_EMOJI.green} enough · ${LIGHT_EMOJI.yellow} at least half · ${LIGHT_EMOJI.red} less`}
        />
      </p>
    </>
  );
}
