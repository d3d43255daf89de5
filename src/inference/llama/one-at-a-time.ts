/** For works that must not run side by side: each begins when those before it have ended, well or not. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined); // whoever asked for it is told
    return result;
  }
}
