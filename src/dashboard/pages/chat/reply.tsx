import { useState } from "react";
import type { ApiError, TurnView } from "#dashboard/api-records.ts";
import { type FeedbackBody, failureOf } from "../api/client.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { Icon } from "../parts/icons.tsx";
import { Markdown } from "./markdown.tsx";
import { ReplyFacts } from "./reply-facts.tsx";
import { ScoreButtons } from "./score-buttons.tsx";
import { TeachForm } from "./teach-form.tsx";

interface ReplyProps {
  readonly turn: TurnView;
  readonly domainTitle: string;
  readonly canRegenerate: boolean;
  readonly onRate: (turn: TurnView, change: FeedbackBody) => Promise<void>;
  readonly onRegenerate: (turn: TurnView) => void;
  /** The pager, where there is more than one answer. */
  readonly children?: React.ReactNode;
}

/** A finished reply with everything that can be said about it. */
export function Reply({ turn, domainTitle, canRegenerate, onRate, onRegenerate, children }: ReplyProps) {
  const [open, setOpen] = useState<"correction" | "comment">();
  const [error, setError] = useState<ApiError>();
  const { feedback } = turn;
  const score = (value: number | null) => {
    setError(undefined);
    onRate(turn, { score: value }).catch((failure: unknown) => setError(failureOf(failure)));
  };
  return (
    <>
      <ReplyText turn={turn} />
      {feedback.correction !== undefined && open !== "correction" && (
        <Said title="The better answer you taught" text={feedback.correction} />
      )}
      {feedback.comment !== undefined && open !== "comment" && <Said title="Your comment" text={feedback.comment} />}
      <div className="reply-actions">
        <ScoreButtons score={feedback.score} onScore={score} />
        <button
          type="button"
          className="quiet-button"
          aria-expanded={open === "correction"}
          onClick={() => setOpen(open === "correction" ? undefined : "correction")}
        >
          <Icon name="teach" />
          {feedback.correction === undefined ? "Teach a better answer" : "Change the better answer"}
        </button>
        <button
          type="button"
          className="quiet-button"
          aria-label="Comment"
          title="Comment"
          aria-expanded={open === "comment"}
          onClick={() => setOpen(open === "comment" ? undefined : "comment")}
        >
          <Icon name="comment" />
        </button>
        <button
          type="button"
          className="quiet-button"
          aria-label="Regenerate"
          title="Regenerate: ask again, both answers are kept"
          disabled={!canRegenerate}
          onClick={() => onRegenerate(turn)}
        >
          <Icon name="redo" />
        </button>
        {children}
      </div>
      {error !== undefined && <FailureNote error={error} onClose={() => setError(undefined)} />}
      {open === "correction" && (
        <TeachForm
          key={turn.id}
          label="What should the reply have been?"
          help="Write the whole answer as you would like to read it. It is learned with the next training."
          initial={feedback.correction ?? turn.reply}
          rows={6}
          saveLabel="Teach this answer"
          canRemove={feedback.correction !== undefined}
          onSave={(text) => onRate(turn, { correction: text })}
          onClose={() => setOpen(undefined)}
        />
      )}
      {open === "comment" && (
        <TeachForm
          key={turn.id}
          label="What do you think of this reply?"
          help="For the people who run this assistant. A comment is not learned from."
          initial={feedback.comment ?? ""}
          rows={3}
          saveLabel="Save comment"
          canRemove={feedback.comment !== undefined}
          onSave={(text) => onRate(turn, { comment: text })}
          onClose={() => setOpen(undefined)}
        />
      )}
      <ReplyFacts turn={turn} domainTitle={domainTitle} />
    </>
  );
}

function ReplyText({ turn }: { readonly turn: TurnView }) {
  const text = turn.shown ?? turn.reply;
  return (
    <>
      {text !== "" && <Markdown text={text} />}
      {turn.status === "cancelled" && <p className="reply-note">Stopped before the end.</p>}
      {turn.status === "failed" && turn.shown === undefined && (
        <p className="reply-note reply-note-bad">The reply could not be finished.</p>
      )}
      {turn.status === "complete" && turn.endedBy === "length" && (
        <p className="reply-note">Cut at the length limit. Ask “go on” to read further.</p>
      )}
      {turn.status === "complete" && text === "" && <p className="reply-note">The model had nothing to say.</p>}
    </>
  );
}

function Said({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <aside className="said" aria-label={title}>
      <h3>{title}</h3>
      <p>{text}</p>
    </aside>
  );
}
