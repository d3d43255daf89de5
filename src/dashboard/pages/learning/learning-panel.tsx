import { useRef, useState } from "react";
import type { AppState } from "#dashboard/api-records.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { AdaptersTab } from "./adapters-tab.tsx";
import { ReadinessTab } from "./readiness-tab.tsx";
import { TrainingTab } from "./training-tab.tsx";
import type { Learning, LearningActions } from "./use-learning.ts";

interface LearningPanelProps {
  readonly app: AppState;
  readonly learning: Learning;
  readonly actions: LearningActions;
  readonly titleOf: (domain: string) => string;
}

const TABS = [
  { id: "readiness", name: "Readiness" },
  { id: "training", name: "Training" },
  { id: "adapters", name: "Adapters" },
] as const;
type TabId = (typeof TABS)[number]["id"];

/** The operator's side: how ready each domain is, what is being trained, what is in service. */
export function LearningPanel({ app, learning, actions, titleOf }: LearningPanelProps) {
  const [tab, setTab] = useState<TabId>("readiness");
  const isTraining = learning.runs.some((run) => !run.hasEnded);
  return (
    <>
      <TabList tab={tab} isTraining={isTraining} onTab={setTab} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the panel scrolls, which the keyboard must reach */}
      <div className="panel-body" role="tabpanel" id={`panel-${tab}`} aria-labelledby={`tab-${tab}`} tabIndex={0}>
        {learning.error !== undefined && <FailureNote error={learning.error} onClose={actions.dismissError} />}
        {!learning.isRead && <p className="panel-empty">Reading…</p>}
        {learning.isRead && tab === "readiness" && (
          <ReadinessTab
            readiness={learning.readiness}
            domains={app.domains}
            training={app.training}
            titleOf={titleOf}
            onStart={(domain) => {
              void actions.startTraining(domain);
              setTab("training");
            }}
            onShowRun={() => setTab("training")}
          />
        )}
        {learning.isRead && tab === "training" && (
          <TrainingTab runs={learning.runs} titleOf={titleOf} onCancel={(id) => void actions.cancelRun(id)} />
        )}
        {learning.isRead && tab === "adapters" && (
          <AdaptersTab learning={learning} actions={actions} titleOf={titleOf} modelName={app.model.name} />
        )}
      </div>
    </>
  );
}

interface TabListProps {
  readonly tab: TabId;
  readonly isTraining: boolean;
  readonly onTab: (tab: TabId) => void;
}

/** Arrow keys move between tabs, as screen readers tell people to expect. */
function TabList({ tab, isTraining, onTab }: TabListProps) {
  const list = useRef<HTMLDivElement>(null);
  const move = (by: number) => {
    const index = TABS.findIndex((item) => item.id === tab);
    const next = TABS[(index + by + TABS.length) % TABS.length];
    if (next === undefined) return;
    onTab(next.id);
    list.current?.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus();
  };
  return (
    <div
      ref={list}
      className="tabs"
      role="tablist"
      aria-label="Learning"
      onKeyDown={(event) => {
        if (event.key === "ArrowRight") move(1);
        if (event.key === "ArrowLeft") move(-1);
      }}
    >
      {TABS.map((item) => (
        <button
          key={item.id}
          type="button"
          role="tab"
          id={`tab-${item.id}`}
          aria-selected={item.id === tab}
          aria-controls={item.id === tab ? `panel-${item.id}` : undefined}
          tabIndex={item.id === tab ? 0 : -1}
          onClick={() => onTab(item.id)}
        >
          {item.name}
          {item.id === "training" && isTraining && <span className="live-dot" role="img" aria-label="running" />}
        </button>
      ))}
    </div>
  );
}
