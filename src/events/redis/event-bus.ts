import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster, Redis } from "ioredis";
import { z } from "zod";
import { describeError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { EventBus, Hint } from "#events/event-bus.ts";

export interface RedisEventBusOptions {
  /** For publishing: rejects at once while Redis is away, and then the hint is lost. */
  readonly publisher: Redis | Cluster;
  /** Used by this bus alone; subscribes again by itself when Redis is back. The bus ends it. */
  readonly subscriber: Redis | Cluster;
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

/**
 * Hints over pub/sub. Listeners of the publishing process hear at once and without Redis; those of the others by its channel.
 * Resolves when the channel is subscribed, or at once while Redis is away: who must not miss a change polls anyway.
 */
export async function openRedisEventBus(options: RedisEventBusOptions): Promise<RedisEventBus> {
  const { publisher, subscriber, processName, log } = options;
  const channel = `${options.prefix}:hints`;
  const listeners = new Set<(hint: Hint) => void>();

  /** What a listener throws harms neither the others nor the publisher. */
  function tell(hint: Hint): void {
    for (const listener of listeners) {
      queueMicrotask(() => {
        if (!listeners.has(listener)) return;
        try {
          listener(hint);
        } catch (error) {
          log.error({ hint: hint.kind, error: describeError(error) }, "event.listener-failed");
        }
      });
    }
  }

  subscriber.on("message", (from: string, text: string) => {
    if (from !== channel) return;
    const message = Message.safeParse(parseJson(text));
    if (!message.success) log.warn({ bytes: text.length }, "event.unreadable");
    else if (message.data.from !== processName) tell(message.data.hint);
  });
  const subscribing = subscriber.subscribe(channel).catch((error: unknown) => {
    // While it is connecting for the first time the driver keeps the subscription and makes it when Redis is there.
    log.warn({ error: error instanceof Error ? error.name : "unknown" }, "event.subscription-failed");
  });
  await Promise.race([
    subscribing,
    sleep(publisher.status === "ready" ? SUBSCRIBE_TIMEOUT_MS : 0, undefined, { ref: false }),
  ]);

  return {
    publish(hint) {
      tell(hint);
      if (publisher.status !== "ready") return;
      publisher.publish(channel, JSON.stringify({ from: processName, hint })).catch(() => {}); // lossy by its contract
    },
    subscribe(listener) {
      // A function of its own: the same listener may subscribe twice and end one of the two.
      const subscription = (hint: Hint) => listener(hint);
      listeners.add(subscription);
      return () => {
        listeners.delete(subscription);
      };
    },
    close() {
      listeners.clear();
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
