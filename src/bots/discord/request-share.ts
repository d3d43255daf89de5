import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { LiveProcesses } from "#store/live-processes.ts";

/** What of the requests that Discord lets a bot send is this process's, as others that use its token come and go. */
export interface RequestShare {
  /** At least one. */
  perSecond(): number;
  /** Before the first request. */
  begin(): Promise<void>;
  end(): Promise<void>;
}

export interface ShareParts {
  /** Of all processes together. */
  readonly perSecondMax: number;
  /** How many there are while nobody counts them. */
  readonly processes: number;
  /** Where they are counted: no request waits for that. */
  readonly counted?: { readonly live: LiveProcesses; readonly processName: string };
  readonly log: Log;
  /** Between two counts. */
  readonly beatMs?: number;
  /** What Discord counts requests over. */
  readonly windowMs?: number;
}

const WORK = "discord requests";
const BEAT_MS = 5000;
/** One that was killed is counted for so many beats more. */
const BEATS_LIVED = 3;
const WINDOW_MS = 1000;
/** Until the others have counted a newcomer, which takes one beat, and Discord has forgotten what they sent before. */
const NEWCOMER_RATIO = 0.1;

export function createRequestShare(parts: ShareParts): RequestShare {
  const { perSecondMax, counted, log, beatMs = BEAT_MS, windowMs = WINDOW_MS } = parts;
  let processes = parts.processes;
  let isNew = false;
  let timer: NodeJS.Timeout | undefined;
  let newcomer: NodeJS.Timeout | undefined;

  async function beat(
    { live, processName }: NonNullable<ShareParts["counted"]>,
    { isFirst }: { readonly isFirst: boolean },
  ): Promise<void> {
    const before = share();
    try {
      processes = Math.max(1, await live.beat(WORK, processName, beatMs * BEATS_LIVED));
    } catch (error) {
      // The last count holds; that nobody counts is told by the server's health.
      log.debug({ reason: describeError(error) }, "discord.share-not-counted");
    }
    isNew = (isFirst || isNew) && processes > 1;
    tellChange(before);
  }

  function endNewcomer(): void {
    const before = share();
    isNew = false;
    tellChange(before);
  }

  function tellChange(before: number): void {
    if (share() !== before) log.info({ processes, perSecond: share() }, "discord.share-changed");
  }

  function share(): number {
    const ratio = isNew ? NEWCOMER_RATIO : 1;
    return Math.max(1, Math.floor((perSecondMax / processes) * ratio));
  }

  return {
    perSecond: share,
    async begin() {
      if (counted === undefined) return;
      await beat(counted, { isFirst: true });
      timer = setInterval(() => void beat(counted, { isFirst: false }), beatMs).unref();
      newcomer = setTimeout(endNewcomer, beatMs + windowMs).unref();
    },
    async end() {
      clearInterval(timer);
      clearTimeout(newcomer);
      if (counted === undefined) return;
      // Else it is counted until its time is over.
      await counted.live.leave(WORK, counted.processName).catch(() => {});
    },
  };
}
