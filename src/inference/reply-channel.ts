import type { GenerateChunk, GenerateEnd } from "./inference-engine.ts";

/**
 * Carries a reply from the token loop to its reader, so that a slow reader never holds a place in the queue: text that was
 * not read yet is joined. What comes after the end is dropped.
 */
export class ReplyChannel {
  #text = "";
  #end: GenerateEnd | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  write(text: string): void {
    if (this.#isOver() || text === "") return;
    this.#text += text;
    this.#wake?.();
  }

  finish(end: GenerateEnd): void {
    if (this.#isOver()) return;
    this.#end = end;
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#isOver()) return;
    this.#failure = { error };
    this.#wake?.();
  }

  async *read(): AsyncGenerator<GenerateChunk, void, undefined> {
    for (;;) {
      if (this.#text !== "") {
        const text = this.#text;
        this.#text = "";
        yield { kind: "text", text };
      } else if (this.#failure !== undefined) {
        throw this.#failure.error;
      } else if (this.#end !== undefined) {
        yield this.#end;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    }
  }

  #isOver(): boolean {
    return this.#end !== undefined || this.#failure !== undefined;
  }
}
