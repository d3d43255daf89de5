import { createInterface, type Interface } from "node:readline/promises";
import pc from "picocolors";

/** Lines of a person, one at a time: what was typed ahead waits for whoever asks next. */
export interface ChatLines {
  /** Shows `prompt` and waits; undefined when the person leaves or the input ends. */
  ask(prompt: string): Promise<string | undefined>;
  /** Ctrl+C. */
  onInterrupt(act: () => void): void;
  close(): void;
}

/** `complete` is asked at Tab, on a terminal. */
export function openChatLines(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream & { readonly isTTY?: boolean },
  complete: (line: string) => Promise<readonly string[]>,
): ChatLines {
  const lines: Interface = createInterface({
    input,
    output,
    terminal: output.isTTY === true,
    completer: async (line: string): Promise<[string[], string]> => [[...(await complete(line))], line],
  });
  const typed = lines[Symbol.asyncIterator]();
  let isClosed = false;
  lines.on("close", () => {
    isClosed = true;
  });
  return {
    async ask(prompt) {
      // Lines that were typed before the input ended are still to be read.
      if (!isClosed) {
        lines.setPrompt(prompt);
        lines.prompt();
      }
      const { done, value } = await typed.next();
      return done === true ? undefined : String(value).trim();
    },
    onInterrupt: (act) => void lines.on("SIGINT", act),
    close: () => lines.close(),
  };
}

/** Markdown of a command's reply, as far as a terminal can show it. */
export function showMarkdown(text: string): string {
  return text
    .replace(/\*\*([^*\n]+)\*\*/gu, (_, words: string) => pc.bold(words))
    .replace(/`([^`\n]+)`/gu, (_, words: string) => pc.cyan(words));
}
