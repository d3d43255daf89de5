import { useEffect, useState } from "react";
import type { TurnView } from "#dashboard/api-records.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { formatMoment } from "../parts/format.ts";
import { Icon, Mark } from "../parts/icons.tsx";
import type { Exchange, Version } from "./exchanges.ts";
import { Markdown } from "./markdown.tsx";
import { Reply } from "./reply.tsx";
import type { ChatActions } from "./use-chat.ts";

interface ExchangeViewProps {
  readonly exchange: Exchange;
  readonly live: ReadonlyMap<string, string>;
  readonly titleOf: (domain: string) => string;
  readonly canRegenerate: boolean;
  readonly actions: ChatActions;
}

/** A question and the answer to it; where there are several answers, one at a time, newest first seen. */
export function ExchangeView({ exchange, live, titleOf, canRegenerate, actions }: ExchangeViewProps) {
  const { versions } = exchange;
  const [index, setIndex] = useState(versions.length - 1);
  useEffect(() => setIndex(versions.length - 1), [versions.length]);
  const shown = versions[Math.min(index, versions.length - 1)];
  const pager = versions.length > 1 && (
    <Pager index={Math.min(index, versions.length - 1)} count={versions.length} onIndex={setIndex} />
  );
  return (
    <article className="exchange">
      <div className="question">
        <h2 className="sr-only">You asked</h2>
        <p title={exchange.askedAtMs === undefined ? undefined : formatMoment(exchange.askedAtMs)}>
          {exchange.question}
        </p>
      </div>
      {shown !== undefined && (
        <div className="answer">
          <Mark />
          <div className="answer-body">
            <h2 className="sr-only">Reply</h2>
            <VersionView
              key={shown.key}
              version={shown}
              live={live}
              titleOf={titleOf}
              canRegenerate={canRegenerate}
              actions={actions}
            >
              {pager}
            </VersionView>
          </div>
        </div>
      )}
    </article>
  );
}

interface VersionViewProps extends Omit<ExchangeViewProps, "exchange"> {
  readonly version: Version;
  readonly children: React.ReactNode;
}

function VersionView({ version, live, titleOf, canRegenerate, actions, children }: VersionViewProps) {
  if (version.kind === "turn") {
    const { turn } = version;
    if (turn.status === "streaming") return <Growing text={live.get(turn.id) ?? turn.reply} />;
    return (
      <Reply
        turn={turn}
        domainTitle={titleOf(turn.domain.domain)}
        canRegenerate={canRegenerate && isAskable(turn)}
        onRate={actions.rate}
        onRegenerate={actions.regenerate}
      >
        {children}
      </Reply>
    );
  }
  const { draft } = version;
  const dismiss = () => actions.dismiss(draft.clientMessageId);
  if (draft.state === "refused" && draft.error !== undefined)
    return <FailureNote error={draft.error} onClose={dismiss} />;
  if (draft.state === "noticed") {
    return (
      <div className="notice">
        <Markdown text={draft.notice ?? ""} />
      </div>
    );
  }
  return <Growing text={draft.turnId === undefined ? "" : (live.get(draft.turnId) ?? "")} />;
}

function isAskable(turn: TurnView): boolean {
  return turn.status === "complete" || turn.status === "cancelled" || turn.status === "failed";
}

function Growing({ text }: { readonly text: string }) {
  return (
    <div className="growing">
      {text === "" ? (
        <p className="thinking">
          <span className="sr-only">Thinking</span>
          <i />
          <i />
          <i />
        </p>
      ) : (
        <Markdown text={text} />
      )}
    </div>
  );
}

interface PagerProps {
  readonly index: number;
  readonly count: number;
  readonly onIndex: (index: number) => void;
}

function Pager({ index, count, onIndex }: PagerProps) {
  return (
    <fieldset className="pager">
      <legend className="sr-only">Answers to this question</legend>
      <button type="button" aria-label="Earlier answer" disabled={index === 0} onClick={() => onIndex(index - 1)}>
        <Icon name="left" />
      </button>
      <span aria-live="polite">
        {index + 1} of {count}
      </span>
      <button type="button" aria-label="Later answer" disabled={index === count - 1} onClick={() => onIndex(index + 1)}>
        <Icon name="right" />
      </button>
    </fieldset>
  );
}
