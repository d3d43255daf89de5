import { useEffect, useId, useRef, useState } from "react";
import type { ApiError } from "#dashboard/api-records.ts";
import { failureOf } from "../api/client.ts";
import { FailureNote } from "../parts/failure-note.tsx";

interface TeachFormProps {
  readonly label: string;
  readonly help: string;
  readonly initial: string;
  readonly rows: number;
  readonly saveLabel: string;
  readonly canRemove: boolean;
  /** Null takes back what was saved. */
  readonly onSave: (text: string | null) => Promise<void>;
  readonly onClose: () => void;
}

/** A box for a better answer or a comment. Escape closes it, Ctrl+Enter saves. */
export function TeachForm(props: TeachFormProps) {
  const [text, setText] = useState(props.initial);
  const [error, setError] = useState<ApiError>();
  const [isSaving, setSaving] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  useEffect(() => area.current?.focus(), []);

  const save = async (value: string | null) => {
    setSaving(true);
    try {
      await props.onSave(value);
      props.onClose();
    } catch (failure) {
      setError(failureOf(failure));
      setSaving(false);
    }
  };

  return (
    <form
      className="teach"
      onSubmit={(event) => {
        event.preventDefault();
        void save(text);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") props.onClose();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && text.trim() !== "") void save(text);
      }}
    >
      <label htmlFor={id}>{props.label}</label>
      <p id={`${id}-help`} className="teach-help">
        {props.help}
      </p>
      <textarea
        ref={area}
        id={id}
        aria-describedby={`${id}-help`}
        value={text}
        rows={props.rows}
        onChange={(event) => setText(event.target.value)}
      />
      {error !== undefined && <FailureNote error={error} />}
      <div className="teach-actions">
        <button type="submit" className="button button-primary" disabled={isSaving || text.trim() === ""}>
          {props.saveLabel}
        </button>
        <button type="button" className="button" onClick={props.onClose}>
          Cancel
        </button>
        {props.canRemove && (
          <button type="button" className="link-button" disabled={isSaving} onClick={() => void save(null)}>
            Take it back
          </button>
        )}
      </div>
    </form>
  );
}
