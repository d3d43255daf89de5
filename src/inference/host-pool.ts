import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleType,
  handleWhen,
  retry,
} from "cockatiel";
import {
  describeError,
  InferenceUnavailableError,
  type ModelNotFoundError,
  OperatingError,
  ReplyBrokenOffError,
} from "#core/errors.ts";
import type { Log } from "#core/log.ts";

/** The host, not the question, is at fault: another one may answer. */
export class HostOutageError extends Error {}

/** The host answered, and said no: `message` tells how, and holds nothing of its words. */
export class HostRefusalError extends Error {}

/** This host will not serve before an operator has brought the model there. Others may have it. */
export class HostLacksModelError extends HostOutageError {
  override readonly cause: ModelNotFoundError;

  constructor(url: string, cause: ModelNotFoundError) {
    super(`${url} lacks the model`);
    this.cause = cause;
  }
}

export interface PooledHost {
  readonly url: string;
  readonly region?: string;
}

export interface HostPoolOptions {
  /** Of the engine, for messages of errors. */
  readonly name: string;
  /** Where this process runs; hosts of the same region go first. */
  readonly region?: string;
  /** After this time a host that failed is tried again. */
  readonly retryAfterMs: number;
  readonly log: Log;
}

/** `holds`: its model is in memory. `gone`: it does not answer. To be found out within a second or so. */
export type HostLook = "holds" | "lacks" | "gone";

/** The first phase ends with the reply's first token; what it resolves with does the rest. */
export type OpenReply<Host> = (host: Host) => Promise<() => Promise<void>>;

interface Member<Host> {
  readonly host: Host;
  readonly breaker: CircuitBreakerPolicy;
  streaming: number;
  brokenAtMs: number;
}

/** In a row; what was waiting for the host moved on meanwhile. */
const FAILURES_MAX = 3;
const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 1000;
/** In streams: a model that must be loaded first is worth this many of them, another region this many. */
const LOADING_COST = 4;
const DISTANCE_COST = 2;

/**
 * Several hosts that serve the same model. A reply goes to the host that holds its model and has least to do; before its first
 * token it moves to another host when one fails, after that never: no text is shown twice.
 */
export class HostPool<Host extends PooledHost> {
  readonly #members: readonly Member<Host>[];
  readonly #options: HostPoolOptions;

  constructor(hosts: readonly Host[], options: HostPoolOptions) {
    this.#options = options;
    this.#members = hosts.map((host) => openMember(host, options));
  }

  get hosts(): readonly Host[] {
    return this.#members.map(({ host }) => host);
  }

  /** `look` tells which host could begin at once. Rejects with InferenceUnavailableError, ReplyBrokenOffError, OperatingErrors of `open`, and with
   * ModelNotFoundError when no host has the model. */
  async run(open: OpenReply<Host>, look: (host: Host) => Promise<HostLook>, signal: AbortSignal): Promise<void> {
    const tried = new Set<Member<Host>>();
    const lacking = new Set<Member<Host>>();
    const again = retry(
      handleWhen((error) => isOutage(error) && !signal.aborted),
      {
        maxAttempts: Math.max(2, this.#members.length),
        backoff: new ExponentialBackoff({ initialDelay: RETRY_FIRST_MS, maxDelay: RETRY_LONGEST_MS }),
      },
    );
    try {
      await again.execute(async () => {
        const member = await this.#choose(tried, look);
        tried.add(member);
        try {
          await this.#runOn(member, open);
        } catch (error) {
          if (error instanceof HostLacksModelError) lacking.add(member);
          throw error;
        }
      }, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof HostLacksModelError && lacking.size === this.#members.length) throw cause.cause;
      if (cause instanceof OperatingError) throw cause;
      const why = cause instanceof HostRefusalError ? cause.message : undefined;
      throw new InferenceUnavailableError(this.#options.name, { cause }, why);
    }
  }

  async #runOn(member: Member<Host>, open: OpenReply<Host>): Promise<void> {
    try {
      const finish = await member.breaker.execute(() => open(member.host));
      try {
        await finish();
      } catch (cause) {
        if (!isOutage(cause)) throw cause;
        await member.breaker.execute(() => Promise.reject(cause)).catch(() => undefined);
        throw new ReplyBrokenOffError(this.#options.name, { cause });
      }
    } finally {
      member.streaming -= 1;
    }
  }

  /** Counts the stream that it chooses for. */
  async #choose(tried: ReadonlySet<Member<Host>>, look: (host: Host) => Promise<HostLook>): Promise<Member<Host>> {
    const { region, retryAfterMs, name } = this.#options;
    const untried = this.#members.filter((member) => !tried.has(member));
    const looked = await Promise.all(
      (untried.length === 0 ? this.#members : untried).map(async (member) => {
        const isBroken = isOpen(member.breaker) && performance.now() - member.brokenAtMs < retryAfterMs;
        return { member, seen: isBroken ? ("gone" as const) : await look(member.host) };
      }),
    );
    // From here to the count nothing waits: of many that come at once each sees those before it.
    const candidates = looked.map(({ member, seen }) => ({
      member,
      isGone: seen === "gone",
      cost: costOf({ ...member.host, streaming: member.streaming, holdsModel: seen === "holds" }, region),
    }));
    const [best] = candidates.sort((a, b) => Number(a.isGone) - Number(b.isGone) || a.cost - b.cost);
    if (best === undefined) throw new InferenceUnavailableError(name);
    best.member.streaming += 1;
    return best.member;
  }
}

export interface HostLoad {
  readonly region?: string;
  readonly streaming: number;
  readonly holdsModel: boolean;
}

/** What a further stream costs on this host: the least is chosen. */
export function costOf({ region, streaming, holdsModel }: HostLoad, ownRegion: string | undefined): number {
  const distance = ownRegion === undefined || region === ownRegion ? 0 : DISTANCE_COST;
  return streaming + (holdsModel ? 0 : LOADING_COST) + distance;
}

function isOutage(error: unknown): boolean {
  return error instanceof HostOutageError || error instanceof BrokenCircuitError;
}

function isOpen({ state }: CircuitBreakerPolicy): boolean {
  return state === CircuitState.Open || state === CircuitState.Isolated;
}

function openMember<Host extends PooledHost>(host: Host, { retryAfterMs, log }: HostPoolOptions): Member<Host> {
  const breaker = circuitBreaker(handleType(HostOutageError), {
    halfOpenAfter: retryAfterMs,
    breaker: new ConsecutiveBreaker(FAILURES_MAX),
  });
  const member: Member<Host> = { host, breaker, streaming: 0, brokenAtMs: 0 };
  breaker.onBreak((reason) => {
    member.brokenAtMs = performance.now();
    const error = "error" in reason ? reason.error : undefined;
    const why = error instanceof HostLacksModelError ? { why: describeError(error.cause) } : {};
    log.warn({ host: host.url, ...why }, "host.failed");
  });
  breaker.onReset(() => log.info({ host: host.url }, "host.returned"));
  return member;
}
