import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { LearningScope } from "#core/scope.ts";
import { digestFile } from "#inference/file-digest.ts";
import { openFileStore } from "#store/files/file-store.ts";
import { openGridFiles } from "#store/mongo/grid-files.ts";
import { openDiscordDouble } from "../fixtures/discord/discord-double.ts";
import { makeAdapterFiles } from "../fixtures/llama/engine-under-test.ts";
import { mongoPeer, openTempMongoStore, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { type Asked, readAnswer } from "../fixtures/trials/keep-asking.ts";
import { openProcesses } from "../fixtures/trials/open-processes.ts";
import { makeTrialFolder, runProgram, TINY_MODEL } from "../fixtures/trials/run-program.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";

const ADAPTER_LIVE_MAX_MS = 1000;
const ASK_EVERY_MS = 250;
const ANSWER_MAX_MS = 60_000;
const QUESTIONS_AFTER = 3;
const ACTIVATION_MAX_MS = 240_000;
const PERSON = 700_000_000_000_000_000n;

describe("an adapter that another process puts into service", () => {
  const peer = useMongoPeer();

  test.skipIf(!hasRedis || mongoPeer === undefined)(
    "answers in the bots process on Discord and in the dashboard within a second (needs redis) (needs mongodb)",
    { timeout: 600_000 },
    async () => {
      const double = await openDiscordDouble({
        limits: { messages: { count: 1000, perMs: 1000 }, others: { count: 1000, perMs: 1000 } },
      });
      onTestFinished(() => double.close());
      const guild = double.world.addGuild();
      double.world.addChannel(guild, { name: "welcome" });
      const uri = peer.uri();
      const environment = { MONGODB_URI: uri };
      const settings = ["cache.enabled=false", "inference.threads=1", "inference.replyTokensMax=16"];
      const { redis, cwd, start } = await openProcesses(settings, environment);
      const [bots, pages] = await Promise.all([
        start("bots", {
          settings: [`discord.apiUrl=${double.apiUrl}`, "chat.firstContactNotice=false"],
          environment: { DISCORD_TOKEN: double.token },
        }),
        start("dashboard"),
      ]);
      const mongo = await openTempMongoStore(uri);
      const scopes = {
        bots: { workspaceId: `discord:${guild.id}`, audience: "public", domain: "support" },
        dashboard: { workspaceId: "local:home", audience: "public", domain: "support" },
      };
      const digests = await makeKnown(mongo, Object.values(scopes));

      const onPages = askOn(async (text, index) => {
        const person = callApi(() => pages.url, "customer");
        const { body } = await person.call("POST", "/api/messages", { text, clientMessageId: `question-${index}` });
        const { askedAtMs, adapter, domain } = await readAnswer(person, body.messageId);
        return { askedAtMs, hasAdapter: adapter !== undefined, domain: domain.domain };
      });
      // Each in a channel of its own: a conversation keeps what answered it.
      const onDiscord = askOn(async (text, index) => {
        const channel = double.world.addChannel(guild);
        const { id } = double.people.say(channel, String(PERSON + BigInt(index)), text, { mentionsBot: true });
        const { askedAtMs, arm, domain } = await waitFor(
          async () => {
            const turn = await mongo.chat.findTurnByMessage(scopes.bots.workspaceId, channel.id, id);
            return turn?.status === "complete" ? turn : undefined;
          },
          { maxMs: ANSWER_MAX_MS, describe: () => `a question on Discord has no answer\n${bots.log().slice(-2000)}` },
        );
        return { askedAtMs, hasAdapter: arm.adapterDigest !== undefined, domain: domain.domain };
      });
      const activate = async (digest: string) => {
        const { exitCode, stderr } = await runProgram(
          ["--data", join(cwd, digest), "--model", TINY_MODEL, "adapters", "activate", digest],
          { cwd, timeoutMs: ACTIVATION_MAX_MS, environment: { ...environment, REDIS_URL: redis.url } },
        );
        expect(exitCode, stderr).toBe(0);
      };
      await Promise.all(digests.map(activate));
      await sleep(ADAPTER_LIVE_MAX_MS);
      const [bot, page] = await Promise.all([onDiscord.end(), onPages.end()]);
      const asked = { bots: bot, dashboard: page };

      for (const [process, turns] of Object.entries(asked)) {
        const service = await mongo.learning.getService(scopes[process as keyof typeof scopes]);
        const activatedAtMs = service?.changedAtMs ?? Number.NaN;
        const first = turns.find(({ hasAdapter }) => hasAdapter)?.askedAtMs ?? Number.NaN;
        tellFigures(`adapter live: ${process}`, {
          questions: turns.length,
          firstAskedWithItAfterMs: first - activatedAtMs,
        });
        const later = turns.filter(({ askedAtMs }) => askedAtMs > activatedAtMs + ADAPTER_LIVE_MAX_MS);
        expect(turns[0]?.hasAdapter, process).toBe(false);
        expect(later.length, process).toBeGreaterThan(0);
        expect(
          later.filter(({ hasAdapter }) => !hasAdapter),
          process,
        ).toEqual([]);
      }
      await bots.stop();
      await pages.stop();

      /** As the trainer leaves it: the file in GridFS, a record for each scope; Discord's admin allowed learning. */
      async function makeKnown(store: typeof mongo, wanted: readonly LearningScope[]): Promise<readonly string[]> {
        const adapters = await makeAdapterFiles();
        onTestFinished(() => adapters.remove());
        const files = openGridFiles(store.connection, await openFileStore(makeTrialFolder(), Date.now));
        const baseDigest = await digestFile(TINY_MODEL);
        const made: string[] = [];
        for (const [index, scope] of wanted.entries()) {
          const { digest, bytes } = await files.put(adapters.good[index]?.path ?? "");
          const known = { digest, bytes, name: digest.slice(0, 8), baseDigest, scope, runId: `run-${index}` };
          const createdAtMs = Date.now();
          await store.learning.saveAdapter({
            ...known,
            datasetHash: "d".repeat(64),
            grade: "A",
            state: "candidate",
            createdAtMs,
          });
          made.push(digest);
        }
        await store.people.putPermission({
          workspaceId: scopes.bots.workspaceId,
          level: "adapters",
          grantedBy: "700000000000000009",
          wordingVersion: 1,
          changedAtMs: Date.now(),
        });
        return made;
      }
    },
  );
});

type Ask = (text: string, index: number) => Promise<Asked & { readonly domain: string }>;

/** One question after another until the end, and a few more then. */
function askOn(ask: Ask) {
  const answered: Asked[] = [];
  let left = Number.POSITIVE_INFINITY;
  const asking = (async () => {
    for (let index = 0; left > 0; index++, left--) {
      const { domain, ...asked } = await ask(`When does my refund arrive? (${index})`, index);
      if (domain === "support") answered.push(asked);
      await sleep(ASK_EVERY_MS);
    }
  })();
  asking.catch(() => {}); // told by end(), where the test gets that far
  return {
    async end(): Promise<readonly Asked[]> {
      left = Math.min(left, QUESTIONS_AFTER + 1);
      await asking;
      return answered;
    },
  };
}
