import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMongoStore } from "#store/mongo/open-mongo-store.ts";
import { isRealMongo, mongoPeer, useMongoPeer } from "../fixtures/mongo/open-peer.ts";
import { ollamaProgram } from "../fixtures/ollama/ollama-under-test.ts";
import {
  type Fleet,
  type FleetRole,
  type FleetServer,
  openFleet,
  ROLES,
  SERVERS,
} from "../fixtures/outages/open-fleet.ts";
import { type AskedOnSlack, isApology, SCORER, type SlackCrowd, startCrowd } from "../fixtures/outages/slack-crowd.ts";
import { hasRedis } from "../fixtures/redis/start-redis.ts";
import { type Caller, callApi, waitFor } from "../fixtures/trials/call-api.ts";
import { readArchive } from "../fixtures/trials/data-folder.ts";
import { canTrain } from "../fixtures/trials/run-program.ts";
import { EAGER_TRAINING, teachSupport } from "../fixtures/trials/teach-support.ts";
import { maxOf, tellFigures } from "../fixtures/trials/tell-figures.ts";

const NAMES = { redis: "Redis", mongodb: "MongoDB", ollama: "Ollama" } as const;
/** How long each server is away. */
const AWAY_MS = Number(process.env["OUTAGE_SECONDS"] ?? 3) * 1000;
const ALL_OUTAGES = [
  ...SERVERS.flatMap((name) => [`kill ${name}`, `cut ${name}`]),
  ...ROLES.flatMap((name) => [`kill ${name}`, `stop ${name}`]),
];
/** All of them in turn, or as `npm run soak -- --away "cut mongodb,cut mongodb"` says. */
const OUTAGES = process.env["OUTAGES"]?.split(",") ?? ALL_OUTAGES;

/** On top of what an answer takes on this machine when all is well. */
const RECOVERED_MAX_MS = 5000;
/** What was begun when its process or store went is begun again when its lease of 15 s runs out. */
const ANSWERED_MAX_MS = 180_000;
/** A lease of 15 s; a score of a reply without a record is tried at once and 0.5, 4 and 24 s later. */
const RECORDED_MAX_MS = 40_000;
const RUNS_ENDED_MAX_MS = 240_000;
const REST_MS = 1500;
const STARTED_MAX_MS = 120_000;

const missing = !hasRedis || mongoPeer === undefined || isRealMongo || ollamaProgram === undefined;

describe.skipIf(missing)("outages (needs redis) (needs mongodb) (needs ollama)", () => {
  const mongo = useMongoPeer({ isDurable: true });

  test("a process of bots loses nothing acknowledged when each server is killed or cut off in turn", {
    timeout: 600_000 + 6 * AWAY_MS,
  }, async () => {
    const fleet = await openFleet(mongo);
    await fleet.start("bots");
    const crowd = startCrowd(fleet.slack);
    const usualMs = await waitForUsual(crowd);

    const recoveredMs = await takeAway(fleet, crowd, ["bots"]);
    await crowd.end();
    const lateMs = await waitForAll(crowd);
    await waitForRecords(fleet, crowd);
    await expectReady(fleet, ["bots"]);
    expectLogged(fleet);
    await fleet.process("bots").stop();

    tellOutages("servers away", crowd, { usualMs, lateMs }, recoveredMs);
    await expectWhole(fleet, crowd);
    expect([...recoveredMs].filter(([, ms]) => ms > RECOVERED_MAX_MS + usualMs)).toEqual([]);
  });

  // A quarter of an hour where two cores do nothing else: `npm run soak -- --only outages`.
  if (process.env["OUTAGE_SECONDS"] !== undefined) {
    test.skipIf(!canTrain)(
      "three processes lose no message, score or job when each of them and each server goes in turn (needs python)",
      { timeout: 1_800_000 + 6 * AWAY_MS },
      async () => {
        const fleet = await openFleet(mongo, [...EAGER_TRAINING, "trainer.stepsMin=10"]);
        await startBeforeServers(fleet);
        const admin = callApi(() => fleet.process("dashboard").url, "admin");
        await teachSupport(admin);
        const crowd = startCrowd(fleet.slack);
        const training = keepTraining(admin);
        const usualMs = await waitForUsual(crowd);

        const recoveredMs = await takeAway(fleet, crowd, ROLES);
        await crowd.end();
        const lateMs = await waitForAll(crowd);
        await waitForRecords(fleet, crowd);
        const runs = await training.end();
        await expectReady(fleet, ROLES);
        for (const role of ROLES) await fleet.process(role).stop();

        const states = runs.map(({ state }) => state).join(" ");
        tellOutages("processes and servers away", crowd, { usualMs, lateMs, runs: states }, recoveredMs);
        await expectWhole(fleet, crowd);
        expect(runs.filter(({ state }) => !["activated", "rejected"].includes(state))).toEqual([]);
        expect(runs.length).toBeGreaterThan(0);
        expect([...recoveredMs].filter(([, ms]) => ms > RECOVERED_MAX_MS + usualMs)).toEqual([]);
      },
    );
  }
});

/** Returns how long it took from each return to an answer. */
async function takeAway(
  fleet: Fleet,
  crowd: SlackCrowd,
  roles: readonly FleetRole[],
): Promise<ReadonlyMap<string, number>> {
  expect(ALL_OUTAGES).toEqual(expect.arrayContaining([...new Set(OUTAGES)]));
  const recoveredMs = new Map<string, number>();
  for (const [index, outage] of OUTAGES.entries()) {
    const [way, name] = outage.split(" ");
    const server = SERVERS.find((one) => one === name);
    // A process that is alone here has trials of its own.
    const role = ROLES.find((one) => one === name && roles.length > 1);
    if (server !== undefined) await takeServerAway(fleet, way === "cut", server, roles);
    else if (role === undefined) continue;
    else {
      await fleet.process(role)[way === "stop" ? "stop" : "kill"]();
      await fleet.start(role);
    }
    const times = OUTAGES.slice(0, index).filter((one) => one === outage).length + 1;
    recoveredMs.set(times === 1 ? outage : `${outage}, ${times}`, await waitForAnswer(crowd));
    await sleep(REST_MS);
  }
  return recoveredMs;
}

async function takeServerAway(
  fleet: Fleet,
  isCut: boolean,
  name: FleetServer,
  roles: readonly FleetRole[],
): Promise<void> {
  const { wire, kill, start } = fleet.peers[name];
  await (isCut ? wire.cut() : kill());
  await expectTold(fleet, name, roles);
  // A reply that is under way may not hang on a connection that nobody will ever end: HTTP has no heartbeat.
  await (isCut ? wire.heal({ isReset: name === "ollama" }) : start());
}

function tellOutages(
  trial: string,
  crowd: SlackCrowd,
  figures: Readonly<Record<string, number | string>>,
  recoveredMs: ReadonlyMap<string, number>,
): void {
  const acknowledged = crowd.asked.filter(({ isAcknowledged }) => isAcknowledged).length;
  tellFigures(trial, {
    awayMs: AWAY_MS,
    messagesAcknowledged: acknowledged,
    messagesNotAcknowledged: crowd.asked.length - acknowledged,
    apologies: crowd.asked.flatMap(crowd.repliesTo).filter(isApology).length,
    scoresAcknowledged: crowd.scores.size,
    ...figures,
    ...Object.fromEntries([...recoveredMs].map(([what, ms]) => [`${what}: recoveredMs`, ms])),
    recoveredMaxMs: maxOf([...recoveredMs.values()]),
  });
}

async function waitForUsual(crowd: SlackCrowd): Promise<number> {
  await waitForAnswer(crowd); // embeds the domains' examples first
  return waitForAnswer(crowd);
}

/** How long it takes from now until a question that is asked from now on is answered by the model. */
async function waitForAnswer(crowd: SlackCrowd): Promise<number> {
  const sinceMs = Date.now();
  let probe = crowd.probe();
  await waitFor(
    async () => {
      const isRefused = probe.isAcknowledged === false || crowd.repliesTo(probe).some(isApology);
      if (isRefused) probe = crowd.probe();
      else if (probe.answeredAtMs !== undefined) return true;
      return undefined;
    },
    {
      maxMs: ANSWERED_MAX_MS,
      everyMs: 50,
      describe: () => `no question is answered any more: ${JSON.stringify(probe)}`,
    },
  );
  return Date.now() - sinceMs;
}

/** Every process that uses the server says that it is away, on the page for supervisors and in its log. */
async function expectTold(fleet: Fleet, name: FleetServer, roles: readonly FleetRole[]): Promise<void> {
  const awayAtMs = Date.now();
  const told = new Map<string, string>();
  await waitFor(
    async () => {
      for (const role of usersOf(name).filter((one) => roles.includes(one)))
        told.set(role, await fleet.readReady(role));
      return [...told.values()].every((text) => text.includes(NAMES[name])) ? true : undefined;
    },
    { maxMs: Math.max(AWAY_MS, 10_000), describe: () => `${name} is away: ${JSON.stringify([...told])}` },
  );
  await sleep(Math.max(0, AWAY_MS - (Date.now() - awayAtMs)));
}

/** A trainer opens the model only when it has something to put into service. */
function usersOf(name: FleetServer): readonly FleetRole[] {
  return name === "ollama" ? ["bots", "dashboard"] : ROLES;
}

/** Whoever starts all machines at once cannot say which is up first. */
async function startBeforeServers(fleet: Fleet): Promise<void> {
  for (const name of SERVERS) await fleet.peers[name].kill();
  const starting = Promise.all(ROLES.map((role) => fleet.start(role)));
  starting.catch(() => {}); // told below
  for (const name of ["mongodb", "ollama"] as const) {
    for (const role of usersOf(name)) {
      let ready = "";
      await waitFor(
        async () => {
          ready = await fleet.readReady(role);
          return /"isReady":false,"why":"waiting for the/u.test(ready) && ready.includes(NAMES[name])
            ? true
            : undefined;
        },
        { maxMs: STARTED_MAX_MS, describe: () => `${role} does not wait for ${name}: ${ready}` },
      );
    }
    await fleet.peers[name].start();
  }
  await fleet.peers.redis.start();
  await starting;
}

async function expectReady(fleet: Fleet, roles: readonly FleetRole[]): Promise<void> {
  let texts: readonly string[] = [];
  await waitFor(
    async () => {
      texts = await Promise.all(roles.map((role) => fleet.readReady(role)));
      return texts.every((text) => text === '{"isReady":true}') ? true : undefined;
    },
    { maxMs: RECOVERED_MAX_MS, describe: () => `all servers are back: ${texts.join(" ")}` },
  );
}

/** One line when a server goes and one when it is back, however many requests fail meanwhile. */
function expectLogged(fleet: Fleet): void {
  const events = fleet
    .process("bots")
    .log()
    .split("\n")
    .flatMap((line) => (line.startsWith("{") ? [String(JSON.parse(line).msg)] : []));
  const count = (event: string) => events.filter((one) => one === event).length;
  const times = (name: FleetServer) => OUTAGES.filter((one) => one.endsWith(name)).length;
  const { redis, mongodb, ollama } = { redis: times("redis"), mongodb: times("mongodb"), ollama: times("ollama") };
  expect({ lost: count("store.lost"), returned: count("store.returned") }).toEqual({
    lost: mongodb,
    returned: mongodb,
  });
  expect(count("redis.lost")).toBeGreaterThanOrEqual(redis);
  expect(count("host.failed")).toBeGreaterThanOrEqual(Math.min(ollama, 1));
}

async function waitForAll(crowd: SlackCrowd): Promise<number> {
  const endedAtMs = Date.now();
  let left: readonly AskedOnSlack[] = [];
  await waitFor(
    async () => {
      left = crowd.asked.filter((one) => one.isAcknowledged && crowd.repliesTo(one).length === 0);
      return left.length === 0 ? true : undefined;
    },
    { maxMs: ANSWERED_MAX_MS, describe: () => `${left.length} have no answer: ${JSON.stringify(left)}` },
  );
  return Date.now() - endedAtMs;
}

/**
 * What was shown as the store went has its record once the answer was begun again, and a score given meanwhile follows that record.
 * A process that is stopped before leaves both to its next start.
 */
async function waitForRecords(fleet: Fleet, crowd: SlackCrowd): Promise<void> {
  const store = await openMongoStore({ uri: fleet.mongodbUri, now: Date.now });
  onTestFinished(() => store.close());
  let left = "";
  await waitFor(
    async () => {
      const { events, feedback } = await readArchive(store.archive);
      const open = events.filter(({ state }) => state !== "done").map(({ id }) => id);
      const scored = feedback.filter(({ userId }) => userId === SCORER).length;
      left = `${open.join(", ")}; ${scored} of ${crowd.scores.size} scores`;
      return open.length === 0 && scored >= crowd.scores.size ? true : undefined;
    },
    { maxMs: RECORDED_MAX_MS, everyMs: 500, describe: () => `not recorded: ${left}` },
  );
}

interface EndedRun {
  readonly id: string;
  readonly state: string;
}

/** One run after another, as long as the dashboard says yes. */
function keepTraining(admin: Caller) {
  const stop = new AbortController();
  const accepted: string[] = [];
  const readRun = async (id: string) => (await admin.call("GET", `/api/runs/${id}`)).body.run;
  const training = (async () => {
    while (!stop.signal.aborted) {
      await sleep(500);
      try {
        const last = accepted.at(-1);
        if (last !== undefined && !(await readRun(last)).hasEnded) continue;
        const { status, body } = await admin.call("POST", "/api/training", { domain: "support" });
        if (status === 202) accepted.push(body.run.id);
      } catch {
        // The dashboard, or the store behind it, is gone: it is asked again.
      }
    }
  })();
  return {
    async end(): Promise<readonly EndedRun[]> {
      stop.abort();
      await training;
      const ended: EndedRun[] = [];
      for (const id of new Set(accepted)) {
        let run = await readRun(id);
        await waitFor(
          async () => {
            run = await readRun(id);
            return run.hasEnded ? true : undefined;
          },
          { maxMs: RUNS_ENDED_MAX_MS, everyMs: 500, describe: () => `run ${id} is ${run.state}` },
        );
        ended.push({ id, state: `${run.state}${run.error === undefined ? "" : ` ${run.error.message}`}` });
      }
      return ended;
    },
  };
}

/** Looks at what people see, and at the records themselves. */
async function expectWhole(fleet: Fleet, crowd: SlackCrowd): Promise<void> {
  const store = await openMongoStore({ uri: fleet.mongodbUri, now: Date.now });
  onTestFinished(() => store.close());
  const records = await readArchive(store.archive);
  expect(records.events.filter(({ state }) => state !== "done")).toEqual([]);
  expect(records.turns.filter(({ status }) => status === "streaming")).toEqual([]);
  for (const one of crowd.asked) {
    const shown = crowd.repliesTo(one).length;
    const turns = records.turns.filter(
      ({ channelId, messages }) =>
        channelId === one.channel &&
        messages.some(({ role, messageId }) => role === "question" && messageId === one.ts),
    );
    if (one.isAcknowledged) expect({ ...one, shown, turns: turns.length }).toMatchObject({ shown: 1, turns: 1 });
    expect(shown, JSON.stringify(one)).toBeLessThanOrEqual(1);
    expect(turns.length, JSON.stringify(one)).toBeLessThanOrEqual(1);
  }
  const turnOf = new Map(
    records.turns.flatMap(({ id, channelId, messages }) =>
      messages.map(({ messageId }) => [`${channelId} ${messageId}`, id]),
    ),
  );
  const stored = new Map(
    records.feedback.filter(({ userId }) => userId === SCORER).map(({ turnId, score }) => [turnId, score]),
  );
  for (const [reply, score] of crowd.scores)
    expect([reply, stored.get(turnOf.get(reply) ?? "")]).toEqual([reply, score]);
}
