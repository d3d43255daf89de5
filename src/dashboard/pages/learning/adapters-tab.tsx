import { useState } from "react";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { AdapterView, CacheView, ReadinessView } from "#dashboard/api-records.ts";
import { ConfirmDialog } from "../parts/confirm-dialog.tsx";
import { formatBytes, formatMoment, formatNumber } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import type { Learning, LearningActions } from "./use-learning.ts";

interface AdaptersTabProps {
  readonly learning: Learning;
  readonly actions: LearningActions;
  readonly titleOf: (domain: string) => string;
  readonly modelName: string;
}

const STATE_WORDS: Record<AdapterView["state"], string> = {
  active: "In service",
  canary: "On trial",
  previous: "Kept for roll back",
  candidate: "Candidate",
  retired: "Retired",
  rejected: "Rejected",
  dormant: "Of another base: dormant",
};

/** What answers in each domain, what could, and how to go back. */
export function AdaptersTab({ learning, actions, titleOf, modelName }: AdaptersTabProps) {
  const [rollingBack, setRollingBack] = useState<ReadinessView>();
  const domains = learning.readiness.filter((view) => view.domain !== ALL_DOMAINS);
  const hasDormant = learning.adapters.some((adapter) => adapter.state === "dormant");
  return (
    <>
      {hasDormant && (
        <p className="panel-note">
          Some adapters were trained on another base model than {modelName}. They sleep: the base model answers in their
          place, until a new adapter is trained or the old base model is back.
        </p>
      )}
      <h3 className="panel-heading">In service</h3>
      <ul className="service">
        {domains.map((view) => (
          <ServiceRow
            key={view.domain}
            view={view}
            title={titleOf(view.domain)}
            modelName={modelName}
            onRollBack={() => setRollingBack(view)}
          />
        ))}
      </ul>
      <h3 className="panel-heading">All adapters</h3>
      {learning.adapters.length === 0 && <p className="panel-empty">None yet. The first training makes one.</p>}
      <ul className="adapters">
        {learning.adapters.map((adapter) => (
          <AdapterRow
            key={adapter.digest}
            adapter={adapter}
            title={titleOf(adapter.domain)}
            onActivate={() => void actions.activate(adapter.digest)}
          />
        ))}
      </ul>
      {learning.cache !== undefined && <CacheFacts cache={learning.cache} />}
      {rollingBack !== undefined && (
        <ConfirmDialog
          title={`Roll back ${titleOf(rollingBack.domain)}?`}
          action="Roll back"
          onCancel={() => setRollingBack(undefined)}
          onConfirm={() => {
            setRollingBack(undefined);
            void actions.rollBack(rollingBack.domain);
          }}
        >
          <p>
            <strong>{rollingBack.service.adapter?.name}</strong> goes out of service, and{" "}
            {rollingBack.service.previous === undefined ? (
              <>the base model {modelName} answers again</>
            ) : (
              <>
                <strong>{rollingBack.service.previous.name}</strong> comes back
              </>
            )}
            . Open conversations move with their next message. The adapter is kept and can be activated again.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}

interface ServiceRowProps {
  readonly view: ReadinessView;
  readonly title: string;
  readonly modelName: string;
  readonly onRollBack: () => void;
}

function ServiceRow({ view: { service }, title, modelName, onRollBack }: ServiceRowProps) {
  return (
    <li className="card service-row">
      <div>
        <p className="card-title">{title}</p>
        <p className="service-name">
          {service.adapter === undefined || service.isDormant ? `Base model ${modelName}` : service.adapter.name}
        </p>
        {service.isDormant && <p className="service-note">{service.adapter?.name} is of another base: dormant</p>}
        {service.changedAtMs !== undefined && (
          <p className="service-note">
            {service.reason} · {formatMoment(service.changedAtMs)}
          </p>
        )}
      </div>
      {service.canRollBack && (
        <button type="button" className="button button-small" onClick={onRollBack} aria-label={`Roll back ${title}`}>
          <Icon name="back" />
          Roll back
        </button>
      )}
    </li>
  );
}

interface AdapterRowProps {
  readonly adapter: AdapterView;
  readonly title: string;
  readonly onActivate: () => void;
}

function AdapterRow({ adapter, title, onActivate }: AdapterRowProps) {
  const tone = adapter.state === "active" ? "good" : adapter.state === "rejected" ? "bad" : "quiet";
  return (
    <li className="card adapter">
      <p className={`grade grade-${adapter.grade}`}>
        <span className="sr-only">Grade </span>
        {adapter.grade}
      </p>
      <div className="adapter-words">
        <p className="adapter-name">{adapter.name}</p>
        <p className="service-note">
          {title} · {formatBytes(adapter.bytes)} · {formatMoment(adapter.createdAtMs)}
        </p>
        <span className={`badge badge-${tone}`}>{STATE_WORDS[adapter.state]}</span>
      </div>
      {adapter.canActivate && (
        <button
          type="button"
          className="button button-small"
          onClick={onActivate}
          aria-label={`Activate ${adapter.name}`}
        >
          Activate
        </button>
      )}
    </li>
  );
}

function CacheFacts({ cache }: { readonly cache: CacheView }) {
  const asked = cache.exactHits + cache.nearHits + cache.misses;
  const share =
    asked === 0 ? "nothing looked up yet" : `${Math.round(((asked - cache.misses) / asked) * 100)} % served again`;
  return (
    <section aria-label="Answer cache">
      <h3 className="panel-heading">Answer cache</h3>
      <p className="service-note">
        {formatNumber(cache.entries)} {cache.entries === 1 ? "reply" : "replies"} kept ({formatBytes(cache.bytes)}) ·{" "}
        {share} · {formatNumber(cache.exactHits)} the same question, {formatNumber(cache.nearHits)} the same meaning
      </p>
    </section>
  );
}
