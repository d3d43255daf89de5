import { useEffect, useState } from "react";
import type { CompletionView, LineChoiceView } from "#dashboard/command-records.ts";

/** Long enough that a fast typist asks once, short enough that the list seems to follow the keys. */
const PAUSE_MS = 60;
const NOTHING: CompletionView = { choices: [] };

export interface Completion extends CompletionView {
  /** Undefined: none is chosen, and Enter sends the line as it is. */
  readonly chosen: LineChoiceView | undefined;
  readonly isOpen: boolean;
  move(step: 1 | -1): void;
  close(): void;
}

/** What the line that is being typed can become; closed for lines that are no command. */
export function useCompletion(line: string, complete: (line: string) => Promise<CompletionView>): Completion {
  const [found, setFound] = useState<CompletionView>(NOTHING);
  const [index, setIndex] = useState(-1);
  const [closedLine, setClosedLine] = useState<string>();

  useEffect(() => {
    // A command that is being typed is nearly always the first; a value may just as well be left out.
    setIndex(line.includes(" ") ? -1 : 0);
    if (!line.startsWith("/")) {
      setFound(NOTHING);
      return;
    }
    let isStale = false;
    const take = (completion: CompletionView) => {
      if (!isStale) setFound(completion);
    };
    // Without a list the line can still be typed to its end.
    const timer = window.setTimeout(() => complete(line).then(take, () => take(NOTHING)), PAUSE_MS);
    return () => {
      isStale = true;
      window.clearTimeout(timer);
    };
  }, [line, complete]);

  // Until the answer for this very line is here, the earlier one is narrowed: keys that are quicker must not take what is gone.
  const choices = found.choices.filter((choice) => choice.line.startsWith(line));
  const isKnown = found.usage !== undefined && isOf(found.usage, line);
  const isOpen = line.startsWith("/") && line !== closedLine && (choices.length > 0 || isKnown);
  return {
    ...(isKnown ? found : {}),
    choices,
    isOpen,
    chosen: isOpen ? choices[index] : undefined,
    move(step) {
      // From none, up leads to the last.
      const from = index < 0 && step < 0 ? 0 : index;
      if (choices.length > 0) setIndex((from + step + choices.length) % choices.length);
    },
    close: () => setClosedLine(line),
  };
}

function isOf(usage: string, line: string): boolean {
  const [command] = usage.split(" ");
  return line === command || line.startsWith(`${command} `);
}
