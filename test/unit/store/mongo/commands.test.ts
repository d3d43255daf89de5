import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import type { MongoStore } from "#store/mongo/open-mongo-store.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../../../fixtures/mongo/open-peer.ts";
import { openChatWorld } from "../../bots/chat-world.ts";

const MESSAGES = 128;

/** Processor time follows the number of commands: what a message asks of the store must not grow by itself. */
describe.skipIf(mongoPeer === undefined)("openMongoStore() (needs mongodb)", () => {
  const peer = useMongoPeer();

  test("is asked 13 times for a message that the cache answers, settling included", { timeout: 120_000 }, async () => {
    const uri = peer.uri();
    const store = await openTempMongoStore(`${uri}${uri.includes("?") ? "&" : "?"}monitorCommands=true`);
    const world = await openWorldOn(store);
    await world.ask(0);
    const commands = countCommands(store);
    for (let number = 1; number <= MESSAGES; number++) await world.ask(number);
    await vi.waitFor(() => expect(commands.of("aggregate", "turn")).toBeGreaterThan(0), { timeout: 10_000 });
    await untilQuiet(commands.all);

    expect(commands.of("find", "turn") / MESSAGES).toBeLessThan(3.5);
    expect(commands.all() / MESSAGES, commands.describe()).toBeLessThan(13.5);
    expect(await store.connection.collection("intent").countDocuments({})).toBeLessThan(MESSAGES / 2);
  });
});

/** Answering with these records; the question is one that the cache knows from its second time on, each time in another channel. */
async function openWorldOn({ chat, models }: MongoStore) {
  const world = await openChatWorld();
  const parts = { ...world.parts, chat, models };
  return {
    async ask(number: number): Promise<void> {
      const message = world.incoming("Where is my refund?", { channelId: `c${number}`, messageId: `m${number}` });
      await chat.acceptEvent(`e${number}`, message, number, { claimedBy: "one", leaseMs: 1000 });
      const left = [`e${number}`];
      const ending = { take: () => left.splice(0) };
      const { signal } = new AbortController();
      const answered = await answerMessage(parts, world.connector, `t${number}`, message, signal, ending);
      if (number > 0) expect(answered).toMatchObject({ turn: { provenance: { endedBy: "cache" } } });
    },
  };
}

function countCommands({ connection }: MongoStore) {
  const counts = new Map<string, number>();
  connection.getClient().on("commandStarted", ({ commandName, command }) => {
    const key = `${commandName} ${String(command[commandName])}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  });
  return {
    of: (name: string, collection: string) => counts.get(`${name} ${collection}`) ?? 0,
    all: () => [...counts.values()].reduce((sum, count) => sum + count, 0),
    describe: () => [...counts].map(([key, count]) => `${(count / MESSAGES).toFixed(2)} ${key}`).join("\n"),
  };
}

async function untilQuiet(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); await sleep(500)) before = count();
}
