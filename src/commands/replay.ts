import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import { OperatingError } from "#core/errors.ts";
import { REPLAY_BATCH_MAX, type ReplayEvent, type ReplayResult, replayEventSchema } from "#dashboard/replay-records.ts";
import { countOf, type Output, printJson } from "./output.ts";

const ANSWER_MAX_MS = 60_000;
/** Bad lines that are told one by one. */
const TOLD_MAX = 20;
/** Longest pause between two events, however long people were silent. */
const PAUSE_MAX_MS = 60_000;

export class ReplayRefusedError extends OperatingError {
  readonly code = "REPLAY_REFUSED";
  readonly hint: string;

  constructor(why: string, hint: string, options?: ErrorOptions) {
    super(`Cannot replay: ${why}`, options);
    this.hint = hint;
  }
}

export interface ReplayOptions {
  /** Address of the running server; undefined when none runs. */
  readonly url: string | undefined;
  readonly isDryRun: boolean;
  /** 1: as fast as it was recorded, 10: ten times; 0: without pauses. */
  readonly speed: number;
  /** Appended to ids of events and calls, so that what was replayed before is new once more. */
  readonly freshId?: string;
  /** Sends the good lines although others are bad. */
  readonly skipsInvalid: boolean;
  readonly isJson: boolean;
}

export interface ReplaySummary {
  readonly lines: number;
  readonly invalid: readonly { readonly line: number; readonly why: string }[];
  readonly accepted: number;
  readonly dropped: number;
  readonly failed: readonly { readonly line: number; readonly why: string }[];
}

/** `reactune replay <file>`. Rejects with ReplayRefusedError when a line is bad, no server runs or it refuses. */
export async function replay(text: string, options: ReplayOptions, output: Output): Promise<ReplaySummary> {
  const { events, invalid } = readEvents(text, options.freshId);
  for (const { line, why } of invalid.slice(0, TOLD_MAX)) output.tell(`line ${line}: ${why}`);
  if (invalid.length > TOLD_MAX) output.tell(`and ${invalid.length - TOLD_MAX} more`);
  const [first] = invalid;
  if (first !== undefined && !options.skipsInvalid && !options.isDryRun) {
    throw new ReplayRefusedError(
      `line ${first.line}: ${first.why}`,
      "Mend it, or add --skip-invalid; nothing was sent",
    );
  }
  const sent = options.isDryRun ? { accepted: 0, dropped: 0, failed: [] } : await sendAll(events, options, output);
  const summary = { lines: events.length + invalid.length, invalid, ...sent };
  if (options.isJson) printJson(output, summary);
  else printSummary(summary, options.isDryRun, output);
  return summary;
}

interface NumberedEvent {
  readonly line: number;
  readonly event: ReplayEvent;
}

function readEvents(text: string, freshId: string | undefined) {
  const events: NumberedEvent[] = [];
  const invalid: { line: number; why: string }[] = [];
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    if (content.trim() === "") continue;
    const line = index + 1;
    const read = readEvent(content);
    if (typeof read === "string") invalid.push({ line, why: read });
    else events.push({ line, event: freshId === undefined ? read : renew(read, freshId) });
  }
  return { events, invalid };
}

/** The event, or why it is none; never with what people said. */
function readEvent(content: string): ReplayEvent | string {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return "it is no JSON";
  }
  const parsed = replayEventSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  return z
    .prettifyError(parsed.error)
    .replace(/[✖\s]+/gu, " ")
    .trim()
    .slice(0, 300);
}

function renew(event: ReplayEvent, freshId: string): ReplayEvent {
  if (event.kind === "message") return { ...event, eventId: `${event.eventId}#${freshId}` };
  return event.kind === "command" ? { ...event, callId: `${event.callId}#${freshId}` } : event;
}

async function sendAll(events: readonly NumberedEvent[], { url, speed }: ReplayOptions, output: Output) {
  if (url === undefined)
    throw new ReplayRefusedError("no server of this data folder answers", "Start one with `reactune`");
  let [accepted, dropped, done] = [0, 0, 0];
  const failed: { line: number; why: string }[] = [];
  let before: number | undefined;
  for (const batch of inBatches(events, speed > 0 ? 1 : REPLAY_BATCH_MAX)) {
    const atMs = Date.parse(batch[0]?.event.at ?? "");
    if (speed > 0 && before !== undefined) await wait(Math.min(PAUSE_MAX_MS, Math.max(0, (atMs - before) / speed)));
    before = atMs;
    const results = await send(url, batch);
    for (const [index, { line }] of batch.entries()) {
      const result = results[index];
      if (result?.outcome === "accepted") accepted += 1;
      else if (result?.outcome === "dropped") dropped += 1;
      else failed.push({ line, why: result?.detail ?? "the server said nothing of it" });
    }
    done += batch.length;
    output.progress(`${done} of ${events.length} events`);
  }
  return { accepted, dropped, failed };
}

const Answer = z.object({
  results: z.array(z.object({ outcome: z.enum(["accepted", "dropped", "failed"]), detail: z.string().optional() })),
});
const Refusal = z.object({ message: z.string(), hint: z.string() });

async function send(url: string, batch: readonly NumberedEvent[]): Promise<readonly ReplayResult[]> {
  const response = await fetch(new URL("/api/replay", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ events: batch.map(({ event }) => event) }),
    signal: AbortSignal.timeout(ANSWER_MAX_MS),
  }).catch((cause: unknown) => {
    throw new ReplayRefusedError("the server stopped answering", "Look at its log", { cause });
  });
  const body: unknown = await response.json().catch(() => undefined);
  const answer = Answer.safeParse(body).data;
  if (answer !== undefined) {
    return answer.results.map(({ outcome, detail }) => ({ outcome, ...(detail === undefined ? {} : { detail }) }));
  }
  const { message, hint } = Refusal.safeParse(body).data ?? {
    message: `HTTP ${response.status}`,
    hint: "Look at its log",
  };
  throw new ReplayRefusedError(`the server refused lines ${batch[0]?.line ?? 0} and after (${message})`, hint);
}

function* inBatches<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}

function printSummary(
  { lines, invalid, accepted, dropped, failed }: ReplaySummary,
  isDryRun: boolean,
  output: Output,
): void {
  if (isDryRun) {
    output.print(
      `${countOf(lines, "line")}: ${lines - invalid.length} can be replayed, ${invalid.length} cannot; nothing was sent`,
    );
    return;
  }
  for (const { line, why } of failed.slice(0, TOLD_MAX)) output.tell(`line ${line} failed: ${why}`);
  const skipped = invalid.length === 0 ? "" : `, ${countOf(invalid.length, "line")} left out`;
  output.print(`${accepted} accepted, ${dropped} not meant for the bot, ${failed.length} failed${skipped}`);
}
