import { resolve } from "node:path";
import type { LlamaContextSequence, LlamaModel } from "node-llama-cpp";
import { AdapterRefusedError, InferenceUnavailableError } from "#core/errors.ts";
import type { AdapterFile } from "../inference-engine.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { type OpenContextOptions, type OpenedContext, openContext } from "./open-context.ts";

export interface AdapterContextsOptions extends OpenContextOptions {
  /** Idle adapters beyond this are dropped, the least recently used first; running ones may exceed it. */
  readonly adaptersLoadedMax: number;
  /** Weights and contexts together never exceed it: who needs more waits until a stream ends. */
  readonly memoryMaxBytes?: number;
}

/** A place in a context for one stream. */
export interface SequenceLease {
  readonly sequence: LlamaContextSequence;
  /** After a failure the context is dropped with all it holds, once its other streams have ended. */
  release(hasFailed: boolean): Promise<void>;
}

interface Slot {
  readonly sequence: LlamaContextSequence;
  conversationId: string | undefined;
  isBusy: boolean;
  usedAt: number;
}

interface Entry {
  readonly adapter: AdapterFile | undefined;
  readonly opening: Promise<{ readonly context: OpenedContext; readonly slots: readonly Slot[] }>;
  /** Streams that have a slot or are about to take one. */
  holders: number;
  usedAt: number;
  mustClose: boolean;
  closing: Promise<void> | undefined;
  readonly closed: Latch;
}

/** Not a digest, so it meets no adapter. */
const BASE_KEY = "base";

/**
 * One context per adapter over one copy of the weights, and one without: state is never shared between adapters. Opened
 * at first use, closed when idle and too many, or on release.
 */
export class AdapterContexts {
  readonly #model: LlamaModel;
  readonly #options: AdapterContextsOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #adapterSet = new OneAtATime();
  /** A counter is enough for "least recently used" and needs no clock. */
  #uses = 0;
  /** The largest seen; all have the same shape. */
  #contextBytes = 0;
  #isClosed = false;
  #streamEnd = new Latch();

  constructor(model: LlamaModel, options: AdapterContextsOptions) {
    this.#model = model;
    this.#options = options;
  }

  get adaptersLoaded(): readonly string[] {
    return this.#adapterEntries().flatMap(({ adapter, closing }) =>
      adapter === undefined || closing !== undefined ? [] : [adapter.digest],
    );
  }

  /** Estimate of llama.cpp: weights and contexts. */
  get memoryBytes(): number {
    return this.#weightBytes() + this.#entries.size * this.#contextBytes;
  }

  /**
   * A place for a stream; the one that last served the conversation if it is free, so that little of the prompt is read
   * again. Rejects with AdapterRefusedError, InferenceUnavailableError.
   */
  async acquire(adapter: AdapterFile | undefined, conversationId: string, signal: AbortSignal): Promise<SequenceLease> {
    const entry = await this.#enter(adapter, signal);
    try {
      const { slots } = await entry.opening;
      signal.throwIfAborted();
      const slot = chooseSlot(slots, conversationId);
      slot.isBusy = true;
      slot.conversationId = conversationId;
      slot.usedAt = this.#nextUse();
      const release = async (hasFailed: boolean) => {
        slot.isBusy = false;
        entry.mustClose ||= hasFailed;
        await this.#leave(entry);
      };
      return { sequence: slot.sequence, release };
    } catch (error) {
      await this.#leave(entry);
      throw error;
    }
  }

  /** Opens the context of an adapter, or of the base, without taking a place. Rejects like `acquire`. */
  async open(adapter: AdapterFile | undefined, signal: AbortSignal): Promise<void> {
    const entry = await this.#enter(adapter, signal);
    try {
      await entry.opening;
    } finally {
      await this.#leave(entry);
    }
  }

  /** Resolves when the adapter's last stream has ended and its memory is free; at once when it is not loaded. */
  async release(digest: string): Promise<void> {
    const entry = this.#entries.get(digest);
    if (entry === undefined) return;
    entry.mustClose = true;
    if (entry.holders === 0) await this.#close(entry);
    else await entry.closed.promise;
  }

  /** Every stream must have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
  }

  async #enter(adapter: AdapterFile | undefined, signal: AbortSignal): Promise<Entry> {
    const key = adapter?.digest ?? BASE_KEY;
    for (;;) {
      signal.throwIfAborted();
      if (this.#isClosed) throw new InferenceUnavailableError(this.#options.modelName);
      const entry = this.#entries.get(key);
      if (entry?.closing !== undefined) await entry.closing;
      else if (entry !== undefined) return this.#hold(entry);
      else if (adapter === undefined || this.#hasRoom(adapter)) return this.#hold(this.#addEntry(key, adapter));
      else await this.#makeRoom(signal);
    }
  }

  #hold(entry: Entry): Entry {
    entry.holders += 1;
    entry.usedAt = this.#nextUse();
    return entry;
  }

  async #leave(entry: Entry): Promise<void> {
    entry.holders -= 1;
    if (entry.mustClose && entry.holders === 0) await this.#close(entry);
    this.#streamEnd.open();
    this.#streamEnd = new Latch();
    const idle = this.#idleAdapter();
    if (this.adaptersLoaded.length > this.#options.adaptersLoadedMax && idle !== undefined) await this.#close(idle);
  }

  #addEntry(key: string, adapter: AdapterFile | undefined): Entry {
    const entry: Entry = {
      adapter,
      opening: this.#open(adapter),
      holders: 0,
      usedAt: 0,
      mustClose: false,
      closing: undefined,
      closed: new Latch(),
    };
    entry.opening.catch(() => {
      entry.mustClose = true; // its holders are told by the same promise
    });
    this.#entries.set(key, entry);
    return entry;
  }

  async #open(adapter: AdapterFile | undefined) {
    const context = await openContext(this.#model, adapter, this.#adapterSet, this.#options);
    this.#contextBytes = Math.max(this.#contextBytes, context.bytes);
    const slots = context.sequences.map((sequence) => ({
      sequence,
      conversationId: undefined,
      isBusy: false,
      usedAt: 0,
    }));
    return { context, slots };
  }

  #hasRoom({ digest, path }: AdapterFile): boolean {
    // node-llama-cpp keys adapters by path: the second digest would be answered with the weights of the first.
    if (
      this.#adapterEntries().some(
        ({ adapter }) => adapter?.path !== undefined && resolve(adapter.path) === resolve(path),
      )
    ) {
      throw new AdapterRefusedError(digest, "its file serves another adapter");
    }
    const loaded = this.#adapterEntries().length;
    if (loaded < Math.min(this.#options.adaptersLoadedMax, this.#adaptersThatFit())) return true;
    return this.#idleAdapter() === undefined && loaded < this.#adaptersThatFit();
  }

  async #makeRoom(signal: AbortSignal): Promise<void> {
    const { modelName, memoryMaxBytes } = this.#options;
    if (this.#adaptersThatFit() < 1) {
      const cause = new Error(`Cannot load any adapter: ${memoryMaxBytes} bytes hold the base model alone`);
      throw new InferenceUnavailableError(modelName, { cause });
    }
    const idle = this.#adapterEntries().find(({ closing }) => closing !== undefined) ?? this.#idleAdapter();
    if (idle !== undefined) await this.#close(idle);
    else await Promise.race([this.#streamEnd.promise, rejectWhenAborted(signal)]);
  }

  #adaptersThatFit(): number {
    const { memoryMaxBytes } = this.#options;
    if (memoryMaxBytes === undefined || this.#contextBytes === 0) return Number.POSITIVE_INFINITY;
    return Math.floor((memoryMaxBytes - this.#weightBytes()) / this.#contextBytes) - 1;
  }

  /** Those that are being closed still need their memory. */
  #adapterEntries(): Entry[] {
    return [...this.#entries.values()].filter(({ adapter }) => adapter !== undefined);
  }

  #idleAdapter(): Entry | undefined {
    return this.#adapterEntries()
      .filter(({ holders, closing }) => holders === 0 && closing === undefined)
      .sort((a, b) => a.usedAt - b.usedAt)[0];
  }

  #close(entry: Entry): Promise<void> {
    entry.closing ??= this.#dispose(entry);
    return entry.closing;
  }

  async #dispose(entry: Entry): Promise<void> {
    try {
      // Undefined when it failed to open: then it has cleaned up after itself and its holders were told.
      const opened = await entry.opening.catch(() => undefined);
      await opened?.context.dispose();
    } finally {
      this.#entries.delete(entry.adapter?.digest ?? BASE_KEY);
      entry.closed.open();
    }
  }

  #weightBytes(): number {
    return this.#model.memoryUsage.ram + this.#model.memoryUsage.vram;
  }

  #nextUse(): number {
    this.#uses += 1;
    return this.#uses;
  }
}

/** A promise that someone else resolves. */
class Latch {
  readonly promise: Promise<void>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.promise = new Promise((accept) => {
      this.#resolve = accept;
    });
  }

  open(): void {
    this.#resolve();
  }
}

function chooseSlot(slots: readonly Slot[], conversationId: string): Slot {
  const free = slots.filter(({ isBusy }) => !isBusy).sort((a, b) => a.usedAt - b.usedAt);
  const slot = free.find((candidate) => candidate.conversationId === conversationId) ?? free[0];
  // The queue admits no more streams than a context has sequences.
  if (slot === undefined) throw new Error("Cannot choose a sequence: all are busy");
  return slot;
}

function rejectWhenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_accept, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
