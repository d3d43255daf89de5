import { expect, test, vi } from "vitest";
import { ALL_DOMAINS } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { buildDataset } from "#trainer/build-dataset.ts";
import { BOT_ID } from "../fixtures/discord/double-world.ts";
import {
  type IsolationPlace,
  openDiscordTown,
  openPrivatePlaces,
  openSlackTown,
} from "../fixtures/isolation/isolation-places.ts";
import { type Isolation, openIsolation } from "../fixtures/isolation/open-isolation.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { SETTINGS } from "../unit/trainer/dataset-world.ts";

const PLACES = 50;
const TRIAL_MAX_MS = 280_000;
const ANSWER = { timeout: 60_000, interval: 50 };

/** What was said in one place: a word of the question, and one that only the model's answer has. */
interface Secret {
  readonly place: IsolationPlace;
  readonly word: string;
  readonly code: string;
}

test("what is said in private on Discord and Slack reaches no other audience through the whole program", {
  timeout: TRIAL_MAX_MS,
}, async () => {
  let codes = 0;
  const world = await openIsolation((question) => `You said: ${question} The code is ${wordFor("qox", ++codes)}.`);
  const guilds = [world.discord.world.addGuild(), world.discord.world.addGuild()] as const;
  const towns = [openDiscordTown(world, guilds[0]), openDiscordTown(world, guilds[1]), openSlackTown(world, "CTOWN")];
  const places = openPrivatePlaces(world, guilds[0], PLACES);
  await world.start();
  for (const workspaceId of new Set([...towns, ...places].map((place) => place.workspaceId))) {
    await world.allow(workspaceId);
  }

  const secrets = await Promise.all(places.map((place, index) => plant(world, place, wordFor("zor", index))));
  expect(new Set(secrets.map(({ code }) => code)).size).toBe(PLACES);
  for (const [index, town] of towns.entries()) {
    const turn = await askIn(world, town, `How long does the refund for my kettle ${index} take?`);
    await praise(world, town, turn);
  }
  const search = createSearch(secrets);
  await searchStores(world, towns, search);
  searchPlatforms(world, search);
  for (const line of world.lines) search.look("log", undefined, line);
  for (const secret of world.secrets) expect(JSON.stringify(world.lines)).not.toContain(secret);

  // Strangers ask the very questions: nothing that was answered in private comes back.
  const answers = createSearch(secrets.map((secret) => ({ ...secret, word: secret.code })));
  const promptsBefore = world.requests.length;
  let crossed = 0;
  for (const [index, { word }] of secrets.entries()) {
    const town = towns[index % towns.length];
    if (town === undefined) throw new Error("There is no town");
    const turn = await askIn(world, town, questionAbout(word), `${town.userId.slice(0, -2)}${10 + index}`);
    if (turn.provenance.cache.hit !== "none") crossed++;
  }
  await searchPrompts(world, world.requests.slice(promptsBefore), answers);
  searchPlatforms(world, answers);

  tellFigures("isolation through both platforms", {
    places: PLACES,
    texts: secrets.length * 3,
    ...Object.fromEntries(search.looked),
    crossings: secrets.length,
    crossed,
    found: search.found.length + answers.found.length,
  });
  expect([...search.found, ...answers.found]).toEqual([]);
  expect(crossed).toBe(0);
  // Where they were said, the words are at work: what is searched for could have been found.
  for (const where of ["prompt", "cache", "data set", "example", "discord", "slack", "slack call"]) {
    expect([where, (search.own.get(where) ?? 0) > 0]).toEqual([where, true]);
  }
});

/** Asks twice and is praised for both. */
async function plant(world: Isolation, place: IsolationPlace, word: string): Promise<Secret> {
  const first = await askIn(world, place, questionAbout(word));
  await praise(world, place, first);
  const second = await askIn(world, place, `And the order of ${word}?`);
  await praise(world, place, second);
  const [code] = /qox\w+/.exec(first.reply) ?? [];
  if (code === undefined) throw new Error(`The answer has no code: "${first.reply}"`);
  return { place, word, code };
}

async function askIn(world: Isolation, place: IsolationPlace, text: string, userId?: string): Promise<Turn> {
  const messageId = await place.ask(text, userId);
  return vi.waitFor(async () => {
    const turn = await world.stores.chat.findTurnByMessage(place.workspaceId, place.channelId, messageId);
    if (turn?.status !== "complete" || !turn.messages.some(({ role }) => role === "reply"))
      throw new Error(`"${text}" was not answered: ${turn?.status}`);
    return turn;
  }, ANSWER);
}

async function praise(world: Isolation, place: IsolationPlace, turn: Turn): Promise<void> {
  const reply = turn.messages.find(({ role }) => role === "reply");
  if (reply === undefined) throw new Error("The reply was not posted");
  for (const userId of place.raters) await place.praise(reply.messageId, userId);
  await vi.waitFor(async () => {
    expect(await world.stores.chat.listFeedback(turn.id)).toHaveLength(place.raters.length);
  }, ANSWER);
}

interface Reader {
  readonly workspaceId: string;
  readonly audience: string;
}

/** Looks for words of other audiences in whatever can be written as JSON. */
function createSearch(secrets: readonly Secret[]) {
  const found: string[] = [];
  const looked = new Map<string, number>();
  const own = new Map<string, number>();
  return {
    found,
    looked,
    own,
    secrets,
    /** `reader` is who may draw on it; nobody's words may stand where it is undefined. */
    look(where: string, reader: Reader | undefined, value: unknown): void {
      looked.set(where, (looked.get(where) ?? 0) + 1);
      const text = typeof value === "string" ? value : JSON.stringify(value);
      for (const { place, word, code } of secrets) {
        if (!text.includes(word) && !text.includes(code)) continue;
        const isOwn = reader?.workspaceId === place.workspaceId && reader.audience === place.audience;
        if (isOwn) own.set(where, (own.get(where) ?? 0) + 1);
        else found.push(`${where}: words of ${place.workspaceId} ${place.audience} read by ${JSON.stringify(reader)}`);
      }
    },
  };
}

type Search = ReturnType<typeof createSearch>;

async function searchPrompts({ stores }: Isolation, requests: Isolation["requests"], search: Search): Promise<void> {
  for (const { conversationId, messages } of requests) {
    search.look("prompt", await stores.chat.findConversation(conversationId), messages);
  }
}

/** Prompts, cache, data sets and examples, as the program itself draws on them. */
async function searchStores(world: Isolation, towns: readonly IsolationPlace[], search: Search): Promise<void> {
  const { stores, examples } = world;
  await searchPrompts(world, world.requests, search);
  for (const entry of await stores.cache.inspect(100_000)) {
    search.look("cache", await stores.chat.findTurn(entry.turnId), [entry.question, entry.reply]);
  }
  for (const { workspaceId, audience } of [...towns, ...search.secrets.map(({ place }) => place)]) {
    const built = await buildDataset(
      { ...stores, now: Date.now },
      {
        scope: { workspaceId, audience, domain: ALL_DOMAINS },
        days: 30,
        settings: SETTINGS,
        systemPromptFor: async () => "Be kind.",
        signal: new AbortController().signal,
      },
    );
    expect([audience, built.train.length > 0]).toEqual([audience, true]);
    search.look("data set", { workspaceId, audience }, built);
    const scope = { workspaceId, audience, domain: "support" };
    await examples.refresh(scope);
    for (const { word } of search.secrets) {
      const found = await examples.find({ scope, question: questionAbout(word), exceptTurnIds: new Set() });
      search.look("example", scope, found);
    }
  }
}

/** What the bot shows and sends, place by place. */
function searchPlatforms({ discord, slack }: Isolation, search: Search): void {
  const readers = new Map(search.secrets.map(({ place }) => [place.channelId, place]));
  for (const [channelId, messages] of discord.world.messages) {
    for (const message of messages.values()) {
      if (message.author.id === BOT_ID) search.look("discord", readers.get(channelId), message.content);
    }
  }
  for (const { path } of discord.requests) search.look("discord address", undefined, path);
  for (const [channelId, { messages }] of slack.state.channels) {
    for (const { user, text, blocks } of messages) {
      if (user === slack.own.botUserId) search.look("slack", readers.get(channelId), [text, blocks]);
    }
  }
  for (const { args } of slack.calls) {
    const channelId = args.get("channel") ?? args.get("channel_id") ?? "";
    search.look("slack call", readers.get(channelId), [...args]);
  }
}

function questionAbout(word: string): string {
  return `How long does the refund for my ${word} take?`;
}

/** Of syllables, unlike a key or a name, and in no other of them. */
function wordFor(start: string, index: number): string {
  const syllables = ["ba", "ke", "mi", "ro", "tu", "sha", "le", "vi"];
  const at = (part: number) => syllables[Math.floor(index / syllables.length ** part) % syllables.length] ?? "";
  return `${start}${[0, 1, 2, 3].map(at).join("")}nak`;
}
