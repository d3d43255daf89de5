import type { Now } from "#core/clock.ts";
import { InferenceUnavailableError, OperatingError } from "#core/errors.ts";
import { FairQueue } from "./fair-queue.ts";
import type { GenerateChunk, GenerateEnd, GenerateRequest } from "./inference-engine.ts";
import { ReplyChannel } from "./reply-channel.ts";

export interface ReplyStreamsOptions {
  /** Of the engine, for messages of errors. */
  readonly name: string;
  readonly parallelStreams: number;
  readonly queueMax: number;
  readonly queueWaitMaxMs: number;
  readonly now: Now;
}

/** What an engine tells of a reply while it is made. */
export interface ReplyWriter {
  countPrompt(tokens: number): void;
  /** The first call ends the time to the first token. */
  countReply(tokens: number): void;
  write(text: string): void;
  /** To be called once, before what the reply held is given back. */
  end(endedBy: GenerateEnd["endedBy"]): void;
}

/** Makes one reply. An OperatingError reaches the reader as it is, anything else as InferenceUnavailableError. */
export type MakeReply = (reply: ReplyWriter, signal: AbortSignal) => Promise<void>;

/**
 * What all engines share: who waits and who streams, cancelling, and closing. A reader that leaves, or is slow, never holds
 * a place.
 */
export class ReplyStreams {
  readonly #options: ReplyStreamsOptions;
  readonly #queue: FairQueue;
  readonly #stoppers = new Set<AbortController>();
  readonly #works = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(options: ReplyStreamsOptions) {
    this.#options = options;
    this.#queue = new FairQueue({
      parallelMax: options.parallelStreams,
      queueMax: options.queueMax,
      waitMaxMs: options.queueWaitMaxMs,
    });
  }

  get waiting(): number {
    return this.#queue.waiting;
  }

  get streaming(): number {
    return this.#queue.holding;
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  open(request: GenerateRequest, makeReply: MakeReply): AsyncIterable<GenerateChunk> {
    return this.#stream(request, makeReply, this.#options.now());
  }

  /** For work that is no reply, such as loading: `close` aborts it and waits for it. */
  async track<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const stopper = this.#newStopper();
    try {
      return await this.#wait(work(stopper.signal));
    } finally {
      this.#stoppers.delete(stopper);
    }
  }

  /** Ends all streams as cancelled, and resolves when nothing runs. */
  async close(): Promise<void> {
    this.#closing ??= this.#stopAll();
    await this.#closing;
  }

  async #stopAll(): Promise<void> {
    for (const stopper of this.#stoppers) stopper.abort();
    await Promise.allSettled(this.#works);
  }

  async *#stream(
    request: GenerateRequest,
    makeReply: MakeReply,
    startedAtMs: number,
  ): AsyncGenerator<GenerateChunk, void, undefined> {
    if (this.isClosed) throw new InferenceUnavailableError(this.#options.name);
    const stopper = this.#newStopper();
    const onAbort = () => stopper.abort(request.signal.reason);
    if (request.signal.aborted) onAbort();
    request.signal.addEventListener("abort", onAbort, { once: true });

    const channel = new ReplyChannel();
    void this.#wait(this.#run(request.conversationId, makeReply, startedAtMs, stopper.signal, channel));
    try {
      yield* channel.read();
    } finally {
      stopper.abort(); // the reader may have left early
      request.signal.removeEventListener("abort", onAbort);
      this.#stoppers.delete(stopper);
    }
  }

  /** Fills the channel and always ends it; never rejects. */
  async #run(
    conversationId: string,
    makeReply: MakeReply,
    startedAtMs: number,
    signal: AbortSignal,
    channel: ReplyChannel,
  ): Promise<void> {
    const { name } = this.#options;
    const reply = this.#openWriter(channel, startedAtMs);
    // The reader is told at once; the token in work is finished behind its back.
    const onAbort = () => reply.end("cancelled");
    signal.addEventListener("abort", onAbort, { once: true });
    let leaveQueue: (() => void) | undefined;
    try {
      leaveQueue = await this.#queue.enter(conversationId, signal);
      await makeReply(reply, signal);
    } catch (cause) {
      if (signal.aborted) reply.end("cancelled");
      else channel.fail(cause instanceof OperatingError ? cause : new InferenceUnavailableError(name, { cause }));
    } finally {
      signal.removeEventListener("abort", onAbort);
      leaveQueue?.();
    }
  }

  #openWriter(channel: ReplyChannel, startedAtMs: number): ReplyWriter {
    const { now } = this.#options;
    let promptTokens = 0;
    let replyTokens = 0;
    let firstTokenMs: number | undefined;
    return {
      countPrompt: (tokens) => {
        promptTokens = tokens;
      },
      countReply: (tokens) => {
        if (tokens > 0) firstTokenMs ??= now() - startedAtMs;
        replyTokens = tokens;
      },
      write: (text) => channel.write(text),
      end: (endedBy) => {
        const first = firstTokenMs === undefined ? {} : { firstTokenMs };
        channel.finish({ kind: "end", endedBy, promptTokens, replyTokens, ...first, totalMs: now() - startedAtMs });
      },
    };
  }

  #newStopper(): AbortController {
    const stopper = new AbortController();
    this.#stoppers.add(stopper);
    return stopper;
  }

  async #wait<Result>(work: Promise<Result>): Promise<Result> {
    this.#works.add(work);
    try {
      return await work;
    } finally {
      this.#works.delete(work);
    }
  }
}
