import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { CompletionView, LineChoiceView } from "#dashboard/command-records.ts";
import { formatNumber } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { CompletionMenu, choiceId, MENU_ID } from "./completion-menu.tsx";
import { useCompletion } from "./use-completion.ts";

interface ComposerProps {
  readonly charsMax: number;
  readonly assistantName: string;
  readonly isAnswering: boolean;
  /** Undefined while there is nothing that could be stopped yet. */
  readonly onStop: (() => void) | undefined;
  readonly onSend: (text: string) => void;
  /** What a line that begins with "/" can become. */
  readonly complete: (line: string) => Promise<CompletionView>;
}

/** Share of the limit from which the count is shown. */
const COUNT_FROM = 0.8;

export function Composer({ charsMax, assistantName, isAnswering, onStop, onSend, complete }: ComposerProps) {
  const [text, setText] = useState("");
  const area = useRef<HTMLTextAreaElement>(null);
  const left = charsMax - text.length;
  const completion = useCompletion(text, complete);
  // Commands do not wait for the reply that is being written.
  const canSend = text.trim() !== "" && left >= 0 && (!isAnswering || text.startsWith("/"));

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

  const take = (choice: LineChoiceView) => {
    setText(choice.line);
    area.current?.focus();
  };

  /** True: the key was for the list. */
  const steer = (event: KeyboardEvent): boolean => {
    const { isOpen, chosen, choices, move, close } = completion;
    if (!isOpen) return false;
    if (event.key === "Escape") close();
    else if (choices.length === 0) return false;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Tab" && !event.shiftKey) take(chosen ?? choices[0] ?? { line: text, label: "", about: "" });
    else if (event.key === "Enter" && chosen !== undefined && chosen.line.trim() !== text.trim()) take(chosen);
    else return false;
    return true;
  };

  return (
    <form
      className="composer"
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) completion.close();
      }}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label className="sr-only" htmlFor="message">
        Message to {assistantName}
      </label>
      {completion.isOpen && <CompletionMenu completion={completion} onTake={take} />}
      <textarea
        ref={area}
        id="message"
        rows={1}
        value={text}
        placeholder={"Ask anything, or type /"}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        {...(completion.isOpen && completion.choices.length > 0 ? { "aria-controls": MENU_ID } : {})}
        {...(completion.chosen === undefined ? {} : { "aria-activedescendant": choiceId(completion.chosen) })}
        aria-invalid={left < 0}
        aria-describedby="message-count"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          // Enter also ends a word in an input method; then it must not send.
          if (event.nativeEvent.isComposing) return;
          const isForList = steer(event);
          if (isForList || (event.key === "Enter" && !event.shiftKey)) event.preventDefault();
          if (!isForList && event.key === "Enter" && !event.shiftKey) send();
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
      <p className="sr-only" role="status">
        {choiceWords(completion.isOpen ? completion.choices.length : 0)}
      </p>
      <p id="message-count" className={left < 0 ? "count count-over" : "count"} role="status">
        {countWords(text.length, charsMax)}
      </p>
    </form>
  );
}

function choiceWords(count: number): string {
  return count === 0 ? "" : `${count} ${count === 1 ? "choice" : "choices"}: arrow keys choose, Tab takes one`;
}

function countWords(chars: number, charsMax: number): string {
  if (chars > charsMax) {
    return `${formatNumber(chars - charsMax)} characters too many: the limit is ${formatNumber(charsMax)}`;
  }
  return chars >= charsMax * COUNT_FROM ? `${formatNumber(chars)} of ${formatNumber(charsMax)} characters` : "";
}
