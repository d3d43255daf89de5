import { isOutage } from "#core/errors.ts";
import type { Log } from "#core/log.ts";

export interface Metrics {
  /** The same log; what passes through it is counted. */
  meter(log: Log): Log;
  /** Asked when the figures are read. */
  gauge(name: string, help: string, read: () => Promise<number> | number): void;
  /** In the text format of Prometheus. */
  read(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Upper bounds in seconds: from a cached reply to a long one on a slow machine. */
const SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/**
 * Every event of the log is counted by its name, which is a constant; a few bring figures of their own. No label holds what a person
 * wrote, or who they are.
 */
export async function openMetrics(): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await import("prom-client");
  const register = new Registry();
  const registers = [register];
  collectDefaultMetrics({ register });
  const events = new Counter({
    name: "reactune_log_events_total",
    help: "Lines of the log, written or below its level, by event",
    labelNames: ["event", "level"],
    registers,
  });
  const replies = new Histogram({
    name: "reactune_reply_duration_seconds",
    help: "From the start of an answer to its last word shown",
    labelNames: ["domain", "cache", "adapter", "status"],
    buckets: SECONDS,
    registers,
  });
  const firstTokens = new Histogram({
    name: "reactune_first_token_seconds",
    help: "From asking the engine to its first token, waiting included",
    labelNames: ["domain"],
    buckets: SECONDS,
    registers,
  });
  const tokens = new Counter({
    name: "reactune_reply_tokens_total",
    help: "Tokens that the engine wrote",
    labelNames: ["domain"],
    registers,
  });
  const feedback = new Counter({
    name: "reactune_feedback_total",
    help: "Scores given, changed and taken back (none), by score and source",
    labelNames: ["score", "source"],
    registers,
  });
  const figures: ReadonlyMap<string, (fields: Fields) => void> = new Map([
    [
      "turn.answered",
      (fields: Fields) => {
        const domain = textOf(fields["domain"]);
        const cache = fields["cache"] === undefined ? "none" : textOf(fields["cache"]);
        const adapter = fields["adapter"] === null ? "no" : "yes";
        const seconds = numberOf(fields["totalMs"]) / 1000;
        replies.observe({ domain, cache, adapter, status: textOf(fields["status"]) }, seconds);
        if (typeof fields["firstTokenMs"] === "number") firstTokens.observe({ domain }, fields["firstTokenMs"] / 1000);
        tokens.inc({ domain }, numberOf(fields["replyTokens"]));
      },
    ],
    [
      "feedback.collected",
      ({ score, source }: Fields) =>
        feedback.inc({ score: score === null ? "none" : textOf(score), source: textOf(source) }),
    ],
  ]);

  function count(level: keyof Log, fields: object, event: string): void {
    events.inc({ event, level });
    figures.get(event)?.({ ...fields });
  }
  return {
    meter(log) {
      const through = (level: keyof Log) => (fields: object, event: string) => {
        count(level, fields, event);
        log[level](fields, event);
      };
      return { debug: through("debug"), info: through("info"), warn: through("warn"), error: through("error") };
    },
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers,
        async collect() {
          try {
            this.set(await read());
          } catch (error) {
            // What cannot be asked has no figure; the others stay readable, in an outage above all.
            if (!isOutage(error)) throw error;
            this.remove();
          }
        },
      });
    },
    read: async () => ({ contentType: register.contentType, text: await register.metrics() }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "unknown";
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
