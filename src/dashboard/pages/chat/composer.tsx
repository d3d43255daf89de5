import { useEffect, useRef, useState } from "react";
import { formatNumber } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";

interface ComposerProps {
  readonly charsMax: number;
  readonly assistantName: string;
  readonly isAnswering: boolean;
  /** Undefined while there is nothing that could be stopped yet. */
  readonly onStop: (() => void) | undefined;
  readonly onSend: (text: string) => void;
}

/** Share of the limit from which the count is shown. */
const COUNT_FROM = 0.8;

export function Composer({ charsMax, assistantName, isAnswering, onStop, onSend }: ComposerProps) {
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const left = charsMax - text.length;
  const canSend = text.trim() !== "" && left >= 0 && !isAnswering;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the box grows with its text
  useEffect(() => {
    const box = area.current;
    if (box === null) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);

  const send = () => {
    if (!canSend) return;
    onSend(text);
    setText("");
    area.current?.focus();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="sr-only" htmlFor="message">
        Message to {assistantName}
      </label>
      <textarea
        ref={area}
        id="message"
        rows={1}
        value={text}
        placeholder={`Ask ${assistantName} anything`}
        aria-invalid={left < 0}
        aria-describedby="message-count"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          // Enter also ends a word in an input method; then it must not send.
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {isAnswering ? (
        <button type="button" className="send stop" disabled={onStop === undefined} onClick={onStop} aria-label="Stop">
          <span className="stop-square" aria-hidden="true" />
        </button>
      ) : (
        <button type="submit" className="send" disabled={!canSend} aria-label="Send">
          <Icon name="send" />
        </button>
      )}
      <p id="message-count" className={left < 0 ? "count count-over" : "count"} role="status">
        {countWords(text.length, charsMax)}
      </p>
    </form>
  );
}

function countWords(chars: number, charsMax: number): string {
  if (chars > charsMax) {
    return `${formatNumber(chars - charsMax)} characters too many: the limit is ${formatNumber(charsMax)}`;
  }
  return chars >= charsMax * COUNT_FROM ? `${formatNumber(chars)} of ${formatNumber(charsMax)} characters` : "";
}
