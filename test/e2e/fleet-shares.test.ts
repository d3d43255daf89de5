import { describe, expect, onTestFinished, test, vi } from "vitest";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import type { Call } from "../fixtures/discord/double-calls.ts";
import { openFleet } from "../fixtures/fleet/open-fleet.ts";
import { mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import type { Server } from "../fixtures/trials/start-server.ts";

const canRun = mongoPeer !== undefined && (hasRedis || process.env["CI"] !== undefined);
const WAIT = { timeout: 30_000, interval: 50 };
const ANA = "700000000000000001";

/** What a process said last of its part of Discord's 50 requests a second. */
function shareOf(server: Server): { readonly processes: number; readonly perSecond: number } | undefined {
  const line = server
    .log()
    .split("\n")
    .findLast((text) => text.includes("discord.share-changed"));
  return line === undefined ? undefined : JSON.parse(line);
}

function buttonOf(call: Call): string {
  const rows = (call.shown[0]?.components ?? []) as readonly { readonly components?: readonly object[] }[];
  const [button] = rows.flatMap(({ components = [] }) => components);
  return button !== undefined && "custom_id" in button ? String(button.custom_id) : "";
}

describe("bots as several processes on one Discord token", () => {
  const mongo = useMongoPeer();

  test.skipIf(!canRun)(
    "share presses and the limit of requests, also when one has gone (needs redis) (needs mongodb)",
    { timeout: 300_000 },
    async () => {
      const discord = await openDiscordDouble();
      onTestFinished(() => discord.close());
      const guild = discord.world.addGuild();
      const channel = discord.world.addChannel(guild);
      const { servers } = await openFleet({ processes: 2, mongoUri: mongo.uri(), discord });
      const askToForget = async () => {
        const call = await discord.people.command(channel, ANA, "privacy", {
          options: [{ name: "action", value: "forget" }],
        });
        await vi.waitFor(() => expect(buttonOf(call)).toMatch(/^confirm:/), WAIT);
        return call;
      };
      const press = async (call: Call) => {
        const [under] = call.shown;
        if (under === undefined) throw new Error("Nothing was shown");
        const pressed = await discord.people.press(under, ANA, buttonOf(call));
        await vi.waitFor(() => expect(pressed.shown).not.toHaveLength(0), WAIT);
        return pressed.shown.map(({ content }) => content).join("\n");
      };

      await vi.waitFor(() => {
        expect(servers.map(shareOf)).toMatchObject([{ processes: 2, perSecond: 25 }, { processes: 2 }]);
      }, WAIT);
      // Both are told of each press.
      for (let round = 0; round < 3; round++)
        expect(await press(await askToForget())).not.toContain("no longer in use");

      const shown = await askToForget();
      await servers[0]?.stop();
      expect(await press(shown)).not.toContain("no longer in use");
      await vi.waitFor(() => {
        expect(servers.slice(1).map(shareOf)).toMatchObject([{ processes: 1, perSecond: 50 }]);
      }, WAIT);
    },
  );
});
