import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { z } from "zod";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { EventBus, Hint, HintKind } from "#events/event-bus.ts";
import { hintListeners } from "#events/hint-listeners.ts";

export interface RedisEventBusOptions {
  /** For publishing: rejects at once while Redis is away, and then the hint is lost. */
  readonly publisher: Redis | Cluster;
  /** Used by this bus alone; subscribes again by itself when Redis is back. The bus ends it. */
  readonly subscriber: Redis | Cluster;
  /** Whether Redis answers what the publisher asks. */
  readonly isUp: () => boolean;
  /** Before the channel's name: no two installations on one server share it. */
  readonly prefix: string;
  /** Names this process among all. */
  readonly processName: string;
  readonly log: Log;
}

export interface RedisEventBus extends EventBus {
  close(): void;
}

const SUBSCRIBE_TIMEOUT_MS = 2000;

const Message = z.object({
  from: z.string(),
  hint: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("service.changed"), scopeKey: z.string() }),
    z.object({ kind: z.literal("run.changed"), runId: z.string() }),
    z.object({ kind: z.literal("turn.answered"), turnId: z.string() }),
    z.object({ kind: z.literal("turn.changed"), turnId: z.string() }),
    z.object({ kind: z.literal("learning.changed"), workspaceId: z.string() }),
    z.object({ kind: z.literal("settings.changed"), workspaceId: z.string() }),
    z.object({
      kind: z.literal("message.changed"),
      change: z.enum(["edited", "deleted", "stopped"]),
      workspaceId: z.string(),
      channelId: z.string(),
      messageId: z.string(),
      revision: z.exactOptional(z.number()),
    }),
  ]),
});

/** What others would look for seldom, if they were not told. */
const KEPT_KINDS: ReadonlySet<HintKind> = new Set(["service.changed", "settings.changed", "learning.changed"]);
const KEPT_MAX = 100;

/**
 * Hints over pub/sub. Listeners of the publishing process hear at once and without Redis; those of the others by its channel. Replies
 * have a channel of their own, which is subscribed while somebody here listens to them.
 * Resolves when the channel is subscribed, or at once while Redis is away: `hearingSpan` tells who must not miss a change.
 */
export async function openRedisEventBus(options: RedisEventBusOptions): Promise<RedisEventBus> {
  const { publisher, subscriber, isUp, processName, log } = options;
  const channel = `${options.prefix}:hints`;
  const answersChannel = `${options.prefix}:answers`;
  const kept = new Map<string, Hint>();
  let span = 0;
  let isHearing = false;

  /** What a listener throws harms neither the others nor the publisher. */
  const listeners = hintListeners((listen, hint) => {
    try {
      listen();
    } catch (error) {
      log.error({ hint: hint.kind, error: describeError(error) }, "event.listener-failed");
    }
  });

  /** After each connecting and each outage anew: only what Redis has confirmed over this very wire is heard. */
  async function hear(): Promise<void> {
    try {
      await subscriber.subscribe(channel);
      span++;
      // A cluster's subscription moves from node to node without a word.
      isHearing = !subscriber.isCluster;
    } catch (error) {
      // While it is connecting for the first time the driver keeps the subscription and makes it when Redis is there.
      log.warn({ error: error instanceof Error ? error.name : "unknown" }, "event.subscription-failed");
    }
  }
  function changeAnswers(change: "subscribe" | "unsubscribe"): void {
    subscriber[change](answersChannel).catch(() => {}); // lossy by its contract
  }

  function send(text: string, hint: Hint): void {
    if (publisher.status !== "ready") keep(text, hint);
    else
      publisher.publish(hint.kind === "turn.answered" ? answersChannel : channel, text).catch(() => keep(text, hint));
  }
  function keep(text: string, hint: Hint): void {
    if (KEPT_KINDS.has(hint.kind) && kept.size < KEPT_MAX) kept.set(text, hint);
  }
  function goOn(): void {
    isHearing = false;
    void hear();
    const all = [...kept];
    kept.clear();
    for (const [text, hint] of all) send(text, hint);
  }

  subscriber.on("message", (_channel: string, text: string) => {
    const message = Message.safeParse(parseJson(text));
    if (!message.success) log.warn({ bytes: text.length }, "event.unreadable");
    else if (message.data.from !== processName) listeners.tell(message.data.hint);
  });
  subscriber.on("ready", hear);
  subscriber.on("close", () => {
    isHearing = false;
  });
  publisher.on("ready", goOn);
  const patience = sleep(publisher.status === "ready" ? SUBSCRIBE_TIMEOUT_MS : 0, undefined, { ref: false });
  await Promise.race([hear(), patience]);

  return {
    publish(hint) {
      listeners.tell(hint);
      send(JSON.stringify({ from: processName, hint }), hint);
    },
    subscribe(kinds, listener) {
      const wereAnswersHeard = listeners.has("turn.answered");
      const end = listeners.subscribe(kinds, listener);
      if (!wereAnswersHeard && listeners.has("turn.answered")) changeAnswers("subscribe");
      return () => {
        const areAnswersHeard = listeners.has("turn.answered");
        end();
        if (areAnswersHeard && !listeners.has("turn.answered")) changeAnswers("unsubscribe");
      };
    },
    hearingSpan: () => (isHearing && isUp() ? span : undefined),
    close() {
      listeners.clear();
      publisher.off("ready", goOn);
      subscriber.disconnect();
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
