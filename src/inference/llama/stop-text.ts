export interface StopTextOutcome {
  readonly text: string;
  readonly isStopped: boolean;
}

/** Cuts a stream of text in front of the first stop text; holds back an end that may become one. */
export class StopTextFilter {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  push(text: string): StopTextOutcome {
    const whole = this.#held + text;
    const starts = this.#stops.map((stop) => whole.indexOf(stop)).filter((start) => start >= 0);
    if (starts.length > 0) {
      this.#held = "";
      return { text: whole.slice(0, Math.min(...starts)), isStopped: true };
    }
    const heldLength = Math.max(0, ...this.#stops.map((stop) => lengthOfOverlap(whole, stop)));
    this.#held = whole.slice(whole.length - heldLength);
    return { text: whole.slice(0, whole.length - heldLength), isStopped: false };
  }

  /** What was held back, when the stream ended without becoming a stop text. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

/** Longest end of `text` that is a true beginning of `stop`. */
function lengthOfOverlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length -= 1) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
