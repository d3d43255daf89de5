import { useEffect, useId, useRef, useState } from "react";
import type { CommandReplyView } from "#dashboard/command-records.ts";
import { FailureNote } from "../parts/failure-note.tsx";
import { Mark } from "../parts/icons.tsx";
import type { CommandRun } from "./chat-state.ts";
import { Markdown } from "./markdown.tsx";
import type { ChatActions } from "./use-chat.ts";

interface CommandViewProps {
  readonly run: CommandRun;
  readonly actions: ChatActions;
}

/** A typed command and its answer, for this person alone. */
export function CommandView({ run, actions }: CommandViewProps) {
  const { line, state, reply, error } = run;
  const dismiss = () => actions.dismissCommand(run.id);
  return (
    <article className="exchange command">
      <div className="question">
        <h2 className="sr-only">Your command</h2>
        <p>
          <code className="command-line">{line}</code>
        </p>
      </div>
      <div className="answer">
        <Mark />
        <div className="answer-body">
          <h2 className="sr-only">Result</h2>
          {/* The announcer tells of replies; a command's result is told where it stands. */}
          <div role="status">
            {state === "running" && <p className="command-wait">Working on it…</p>}
            {state === "refused" && error !== undefined && <FailureNote error={error} onClose={dismiss} />}
            {state === "answered" && reply !== undefined && <ReplyContent reply={reply} />}
          </div>
          {state === "answered" && reply?.confirm !== undefined && (
            <div className="teach-actions command-actions">
              <button
                type="button"
                className="button button-primary"
                onClick={() => actions.answerCommand(run, reply.confirm?.options ?? {}, false)}
              >
                {reply.confirm.label}
              </button>
              <button type="button" className="button" onClick={dismiss}>
                Leave it
              </button>
            </div>
          )}
          {state === "answered" && reply?.form !== undefined && (
            <CommandForm
              form={reply.form}
              onSend={(given) => actions.answerCommand(run, { ...reply.form?.options, ...given }, true)}
              onClose={dismiss}
            />
          )}
        </div>
      </div>
    </article>
  );
}

function ReplyContent({ reply: { text, image, file, form } }: { readonly reply: CommandReplyView }) {
  return (
    <div className="command-reply">
      {/* What stands beside a form is for platforms without forms. */}
      {form === undefined && <Markdown text={text} />}
      {image !== undefined && <img className="command-picture" src={image.src} alt={image.alt} />}
      {file !== undefined && (
        <a className="button" href={`data:${file.mediaType};base64,${file.base64}`} download={file.name}>
          Save {file.name}
        </a>
      )}
    </div>
  );
}

interface CommandFormProps {
  readonly form: NonNullable<CommandReplyView["form"]>;
  readonly onSend: (given: Readonly<Record<string, string>>) => void;
  readonly onClose: () => void;
}

/** Escape closes it, Ctrl+Enter sends it from a long field. */
function CommandForm({ form, onSend, onClose }: CommandFormProps) {
  const [given, setGiven] = useState(() => new Map(form.fields.map(({ name, value }) => [name, value ?? ""])));
  const element = useRef<HTMLFormElement>(null);
  const id = useId();
  useEffect(() => element.current?.querySelector<HTMLElement>("textarea, input")?.focus(), []);
  const isMissing = form.fields.some(({ name, isRequired }) => isRequired && (given.get(name) ?? "").trim() === "");
  const send = () => {
    if (!isMissing) onSend(Object.fromEntries(given));
  };
  return (
    <form
      ref={element}
      className="teach"
      aria-label={form.title}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
      }}
    >
      {form.fields.map(({ name, label, isLong, charsMax, isRequired }) => {
        const shared = {
          id: `${id}-${name}`,
          value: given.get(name) ?? "",
          maxLength: charsMax,
          required: isRequired,
          onChange: (event: { readonly target: { readonly value: string } }) =>
            setGiven(new Map(given).set(name, event.target.value)),
        };
        return (
          <div key={name}>
            <label htmlFor={shared.id}>{label}</label>
            {isLong ? <textarea rows={5} {...shared} /> : <input type="text" {...shared} />}
          </div>
        );
      })}
      <div className="teach-actions">
        <button type="submit" className="button button-primary" disabled={isMissing}>
          Send
        </button>
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
