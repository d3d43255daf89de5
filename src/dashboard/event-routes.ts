import { Hono } from "hono";
import { type SSEStreamingApi, streamSSE } from "hono/streaming";
import type { LocalReply } from "#bots/local-chat.ts";
import type { HintOf } from "#events/event-bus.ts";
import type { ServerEvent } from "./api-records.ts";
import type { DashboardParts } from "./dashboard-parts.ts";
import { EventQueue } from "./event-queue.ts";
import { HttpRefusal } from "./http-refusal.ts";
import { channelOf, type Person, type PersonEnv } from "./identify.ts";
import { viewRun } from "./learning-view.ts";
import { isOwn, readTurnView } from "./read-chat.ts";

const STREAMS_MAX = 500;
const STREAMS_OF_PERSON_MAX = 12;
const QUEUE_MAX = 200;
const HEARTBEAT_MS = 15_000;

/** A change to look up when its time to be sent has come: what is sent is then the newest. */
type Change =
  | { readonly kind: "reply"; readonly reply: LocalReply }
  | { readonly kind: "turn"; readonly turnId: string }
  | { readonly kind: "run"; readonly runId: string }
  | { readonly kind: "learning" };

/**
 * Live changes for open pages. They are hints: a page that was cut off reads everything again when it is back, so
 * nothing is numbered or kept for it. `streams` lets the server end them all.
 */
export function eventRoutes(parts: DashboardParts, streams: Set<EventQueue<Change>>): Hono<PersonEnv> {
  const app = new Hono<PersonEnv>();
  const streamsOfPerson = new Map<string, number>();

  app.get("/events", (context) => {
    const { person } = context.var;
    const ownStreams = streamsOfPerson.get(person.personId) ?? 0;
    if (streams.size >= STREAMS_MAX || ownStreams >= STREAMS_OF_PERSON_MAX) throw tooManyStreams();
    const queue = new EventQueue<Change>(QUEUE_MAX);
    streams.add(queue);
    streamsOfPerson.set(person.personId, ownStreams + 1);
    // A proxy that collects a response before passing it on would hold every event back.
    context.header("X-Accel-Buffering", "no");
    return streamSSE(context, async (stream) => {
      const unsubscribe = listen(parts, person, queue);
      stream.onAbort(() => queue.close());
      try {
        await sendChanges(parts, person, queue, stream);
      } finally {
        unsubscribe();
        queue.close();
        streams.delete(queue);
        const left = (streamsOfPerson.get(person.personId) ?? 1) - 1;
        if (left === 0) streamsOfPerson.delete(person.personId);
        else streamsOfPerson.set(person.personId, left);
      }
    });
  });

  return app;
}

export type EventStreams = Set<EventQueue<Change>>;

function listen(parts: DashboardParts, person: Person, queue: EventQueue<Change>): () => void {
  const endReplies = parts.localChat.subscribe(channelOf(person), (reply) => {
    if (reply.isFinal) queue.drop(`reply:${reply.turnId}`);
    queue.push(`${reply.isFinal ? "end" : "reply"}:${reply.turnId}`, { kind: "reply", reply });
    if (reply.isFinal) queue.push("learning", { kind: "learning" });
  });
  const endHints = parts.events.subscribe(PAGE_HINTS, (hint) => pushHint(queue, hint));
  return () => {
    endReplies();
    endHints();
  };
}

const PAGE_HINTS = [
  "turn.answered",
  "turn.changed",
  "run.changed",
  "service.changed",
  "learning.changed",
  "settings.changed",
] as const;

function pushHint(queue: EventQueue<Change>, hint: HintOf<(typeof PAGE_HINTS)[number]>): void {
  if (hint.kind === "turn.answered" || hint.kind === "turn.changed")
    queue.push(`turn:${hint.turnId}`, { kind: "turn", turnId: hint.turnId });
  if (hint.kind === "run.changed") queue.push(`run:${hint.runId}`, { kind: "run", runId: hint.runId });
  queue.push("learning", { kind: "learning" });
}

async function sendChanges(
  parts: DashboardParts,
  person: Person,
  queue: EventQueue<Change>,
  stream: SSEStreamingApi,
): Promise<void> {
  const begun = new Set<string>();
  // Tells the browser that the stream is open, and how soon to come back.
  await stream.write("retry: 1000\n: open\n\n");
  while (!queue.isClosed) {
    const change = await queue.take(HEARTBEAT_MS);
    if (queue.isClosed) return;
    if (change === undefined) {
      await stream.write(": alive\n\n");
      continue;
    }
    for (const event of await describeChange(parts, person, change, begun)) {
      await stream.writeSSE({ event: event.kind, data: JSON.stringify(event) });
    }
  }
}

/** `begun` are the turns whose first words this stream has told: before those it tells the turn itself. */
async function describeChange(
  parts: DashboardParts,
  person: Person,
  change: Change,
  begun: Set<string>,
): Promise<readonly ServerEvent[]> {
  switch (change.kind) {
    case "reply":
      return describeReply(parts, person, change.reply, begun);
    case "turn": {
      const turn = await parts.chat.findTurn(change.turnId);
      if (turn === undefined || !isOwn(turn, person)) return [];
      return [{ kind: "turn", turn: await readTurnView(parts, person, turn) }];
    }
    case "run": {
      const run = person.isAdmin ? await parts.learning.findRun(change.runId) : undefined;
      return run === undefined ? [] : [{ kind: "run", run: viewRun(run, await parts.learning.listAdapters()) }];
    }
    case "learning":
      return [{ kind: "learning" }];
  }
}

async function describeReply(
  parts: DashboardParts,
  person: Person,
  reply: LocalReply,
  begun: Set<string>,
): Promise<readonly ServerEvent[]> {
  const { turnId, inReplyTo: messageId, text, isFinal } = reply;
  const growing: ServerEvent = { kind: "reply", turnId, messageId, text };
  if (!isFinal && begun.has(turnId)) return [growing];
  const turn = await parts.chat.findTurn(turnId);
  if (turn === undefined) return isFinal ? [{ kind: "notice", messageId, text }] : [growing];
  const view = { ...(await readTurnView(parts, person, turn)), messageId };
  if (isFinal) {
    begun.delete(turnId);
    return [{ kind: "turn", turn: { ...view, ...(text === turn.reply ? {} : { shown: text }) } }];
  }
  begun.add(turnId);
  return [{ kind: "turn", turn: view }, growing];
}

function tooManyStreams(): HttpRefusal {
  return new HttpRefusal({
    status: 429,
    code: "STREAMS_FULL",
    message: "Cannot open another live view: too many are open",
    hint: "Close other tabs of this page",
  });
}
