import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { openBenchWorld, reporterFlags } from "./processes.mjs";

const QUESTION = "What is the capital of Portugal?";
const PEER = fileURLToPath(new URL("../../test/fixtures/bench/discord-peer.ts", import.meta.url));
const ECHO_BOT = fileURLToPath(new URL("../../test/fixtures/bench/echo-bot.mjs", import.meta.url));
const KEEPING_BOT = fileURLToPath(new URL("../../test/fixtures/bench/keeping-bot.mjs", import.meta.url));

/**
 * Processor time per message: the whole product, which answers from its cache, a bare discord.js bot that echoes, and one that also
 * keeps what was said. All talk to the same double, which runs in a process of its own; they take turns, so that all meet the same load.
 */
export async function benchDiscordProcessor({ messages, rounds, warmUp, atOnce, nodeFlags, settings }) {
  const world = openBenchWorld();
  try {
    const discord = await world.startPeer(PEER);
    const channels = messages * rounds + warmUp + 10;
    const places = {
      ours: await discord.ask("open", { name: "ours", channels }),
      echo: await discord.ask("open", { name: "echo", channels }),
      keeping: await discord.ask("open", { name: "keeping", channels }),
    };
    const echo = await world.start([...reporterFlags, ECHO_BOT, places.echo.apiUrl, places.echo.token]);
    const keeping = await world.start([
      ...reporterFlags,
      KEEPING_BOT,
      places.keeping.apiUrl,
      places.keeping.token,
      world.folder,
    ]);
    const ours = await world.startProgram({
      variables: { DISCORD_TOKEN: places.ours.token },
      settings: {
        "discord.apiUrl": places.ours.apiUrl,
        // One request a message, as the echo has.
        "discord.offerEmoji": false,
        "chat.firstContactNotice": false,
        "log.format": "json",
        "inference.replyTokensMax": 16,
        "conversation.messagesPerMinuteMax": 1000,
        "conversation.channelMessagesPerMinuteMax": 100_000,
        "conversation.workspaceMessagesPerMinuteMax": 1_000_000,
        ...settings,
      },
      nodeFlags,
    });
    const bots = { ours, echo, keeping };
    const names = Object.keys(bots);
    // The model answers once; from then on the cache does.
    await discord.ask("ask", { name: "ours", question: QUESTION, count: 1, atOnce: 1 });
    // Compiling goes on for some 2,000 messages; bots live for weeks.
    for (const name of names) {
      if (warmUp > 0) await discord.ask("ask", { name, question: QUESTION, count: warmUp, atOnce });
    }
    const loadBefore = loadavg()[0];
    const measured = { ours: [], echo: [], keeping: [] };
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? names : names.toReversed();
      for (const name of order) {
        measured[name].push(
          await measureRound(discord, bots[name], { name, question: QUESTION, count: messages, atOnce }),
        );
      }
    }
    const toEcho = (figures) => figures.map(({ processorMs }, index) => processorMs / measured.echo[index].processorMs);
    const [ratios, keepingRatios] = [toEcho(measured.ours), toEcho(measured.keeping)];
    const load = { loadBefore, loadAfter: loadavg()[0] };
    return { ...load, messages, rounds, warmUp, ratios, keepingRatios, ...measured, log: ours.log() };
  } finally {
    await world.close();
  }
}

async function measureRound(discord, bot, asked) {
  const { cpu: before } = await bot.ask("usage");
  const { ms, chars, requests, others, failures } = await discord.ask("ask", asked);
  if (failures.length > 0) throw new Error(`Cannot measure: the double failed: ${failures[0]}`);
  const { cpu: after } = await bot.ask("usage");
  const userMs = (after.user - before.user) / 1000 / asked.count;
  const systemMs = (after.system - before.system) / 1000 / asked.count;
  return {
    processorMs: userMs + systemMs,
    userMs,
    systemMs,
    wallMs: ms / asked.count,
    requestsPerMessage: requests / asked.count,
    chars: chars / asked.count,
    others,
  };
}
