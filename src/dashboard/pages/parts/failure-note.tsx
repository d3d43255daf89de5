import type { ApiError } from "#dashboard/api-records.ts";

const WORDS: ReadonlyMap<string, string> = new Map([
  ["QUEUE_FULL", "Many questions are waiting already. Try again in a moment."],
  ["OFFLINE", "Reactune cannot be reached. Is it still running? This page connects again by itself."],
  ["INFERENCE_UNAVAILABLE", "The model does not answer. `reactune doctor` says why."],
]);

/** An error in the words of people, with what to do next. */
export function FailureNote({ error, onClose }: { readonly error: ApiError; readonly onClose?: () => void }) {
  const words = WORDS.get(error.code);
  return (
    <div className="failure" role="alert">
      <p>
        {words ?? `${error.message}.`}
        {words === undefined && <span className="failure-hint"> {error.hint}.</span>}
      </p>
      {onClose !== undefined && (
        <button type="button" className="link-button" onClick={onClose}>
          Dismiss
        </button>
      )}
    </div>
  );
}
