import { useEffect, useRef } from "react";
import type { LineChoiceView } from "#dashboard/command-records.ts";
import type { Completion } from "./use-completion.ts";

export const MENU_ID = "command-choices";

/** Of the choice, for `aria-activedescendant`. */
export function choiceId({ label }: LineChoiceView): string {
  return `${MENU_ID}-${label.replace(/[^\w-]/g, "_")}`;
}

interface CompletionMenuProps {
  readonly completion: Completion;
  readonly onTake: (choice: LineChoiceView) => void;
}

/** Above the message box: what the line can become. The focus stays in the box. */
export function CompletionMenu({ completion, onTake }: CompletionMenuProps) {
  const { choices, chosen, usage, option } = completion;
  const list = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another choice has to be scrolled to
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <div className="completion">
      {usage !== undefined && (
        <p className="completion-usage">
          <code>{usage}</code>
          {option !== undefined && <span> {option}</span>}
        </p>
      )}
      {choices.length > 0 && (
        <div id={MENU_ID} ref={list} className="completion-list" role="listbox" aria-label="Commands" tabIndex={0}>
          {choices.map((choice) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/useFocusableInteractive: the message box has the keys
            <div
              key={choice.line}
              id={choiceId(choice)}
              role="option"
              aria-selected={choice === chosen}
              className="choice"
              // Pressing must not take the focus out of the box.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => onTake(choice)}
            >
              <span className="choice-label">{choice.label}</span>
              <span className="choice-about">{choice.about}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
