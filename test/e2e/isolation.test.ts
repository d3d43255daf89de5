import { expect, onTestFinished, test } from "vitest";
import { openExampleFinder } from "#bots/retrieve-examples.ts";
import type { IncomingMessage } from "#core/inbox.ts";
import { ALL_DOMAINS, audienceOf, type Platform, type Visibility } from "#core/scope.ts";
import type { Turn } from "#core/turn.ts";
import { buildDataset } from "#trainer/build-dataset.ts";
import { describeDataset } from "#trainer/dataset-files.ts";
import { tellFigures } from "../fixtures/trials/tell-figures.ts";
import { ADMIN, openCommandWorld } from "../unit/bots/command-world.ts";
import { EXAMPLES, wordEmbedder } from "../unit/bots/learning-world.ts";
import { SETTINGS } from "../unit/trainer/dataset-world.ts";

/** Half of them private channels, half direct messages, spread over both platforms. */
const PLACES = 50;
const WORKSPACES = ["discord:1", "slack:T1"] as const;
const OTHER_WORKSPACES = ["discord:2", "slack:T2"] as const;
const RATERS = ["rater-a", "rater-b", "rater-c"] as const;
const TRIAL_MAX_MS = 280_000;

interface Planted {
  readonly place: Place;
  readonly word: string;
  readonly audience: string;
  readonly turns: readonly Turn[];
}

type Place = Pick<IncomingMessage, "platform" | "workspaceId" | "channelId" | "visibility" | "userId">;

test("what is said in private channels and direct messages is found nowhere else", {
  timeout: TRIAL_MAX_MS,
}, async () => {
  const world = await openIsolationWorld();
  const planted: Planted[] = [];
  for (let index = 0; index < PLACES; index++) planted.push(await world.plant(index));
  for (const workspaceId of [...WORKSPACES, ...OTHER_WORKSPACES]) await world.talkInPublic(workspaceId);

  const search = createSearch(planted);
  await searchDatasets(world, planted, search);
  await searchExamples(world, planted, search);
  await searchExports(world, planted, search);
  await searchCommands(world, planted, search);
  await searchPrompts(world, search);
  await searchCache(world, planted, search);
  for (const line of world.lines) search.look("log", undefined, line);
  for (const entry of await world.audit()) search.look("audit", undefined, entry);

  tellFigures("isolation", {
    places: planted.length,
    texts: planted.length * 5,
    ...Object.fromEntries(search.looked),
    found: search.found.length,
  });
  expect(search.found).toEqual([]);
  // Where they were said, the words are at work: what is searched for could have been found.
  expect(search.looked.get("admin notice")).toBe(PLACES);
  for (const [where, own] of search.own) expect([where, own >= PLACES]).toEqual([where, true]);
  expect([...search.own.keys()].toSorted()).toEqual(["cache", "data set", "example", "export", "prompt"]);
});

async function openIsolationWorld() {
  const world = await openCommandWorld({ answer: (question) => ({ text: `You said: ${question}` }) });
  const { embedder } = wordEmbedder();
  const finder = openExampleFinder({
    ...world.store,
    embedder,
    events: world.events,
    settings: EXAMPLES,
    now: () => world.clock.nowMs,
    log: world.parts.log,
  });
  onTestFinished(() => finder.stop());
  Object.assign(world.parts, { examples: finder, embedder });
  for (const workspaceId of [...WORKSPACES, ...OTHER_WORKSPACES]) {
    await world.commandParts.permission.allow({ workspaceId, level: "adapters", by: "boss", nowMs: world.clock.nowMs });
  }

  /** Liked by all, and a better answer taught and agreed with: as much as a reply can get. */
  async function praise(turn: Turn, correction?: string): Promise<void> {
    const reply = turn.messages.find(({ role }) => role === "reply");
    if (reply === undefined) throw new Error("The reply was not posted");
    const { workspaceId, channelId } = turn;
    const at = { workspaceId, channelId, messageId: reply.messageId, atMs: world.clock.nowMs };
    for (const userId of RATERS) {
      await world.commandParts.collectFeedback({ ...at, userId, source: "reaction", emoji: "😍" });
    }
    if (correction === undefined) return;
    const teacher = { ...at, userId: turn.askerId, source: "command" } as const;
    await world.commandParts.collectFeedback({ ...teacher, correction, comment: correction });
    await world.commandParts.collectFeedback({ ...teacher, endorsedBy: "boss" });
  }

  return {
    ...world,
    finder,
    async plant(index: number): Promise<Planted> {
      const workspaceId = WORKSPACES[index % 2] ?? "discord:1";
      const visibility: Visibility = index % 4 < 2 ? "private" : "direct";
      const word = wordFor(index);
      const place: Place = { ...placeOf(workspaceId), channelId: `P${index}`, visibility, userId: `person-${index}` };
      const first = await world.ask(`How long does the refund for my ${word} take?`, place);
      await praise(first);
      const followUp = await world.ask(`And the order of ${word}?`, place);
      await praise(followUp, `Tell nobody: ${word} is ours.`);
      const again = await world.ask(`How long does the refund for my ${word} take?`, { ...place, threadId: "later" });
      await praise(again, `The refund for ${word} takes two days.`);
      return { place, word, audience: audienceOf(visibility, place.channelId), turns: [first, followUp, again] };
    },
    /** Questions like the private ones, by the same people and by others. */
    async talkInPublic(workspaceId: string): Promise<void> {
      for (let index = 0; index < PLACES; index++) {
        const place: Place = {
          ...placeOf(workspaceId),
          channelId: "town",
          visibility: "public",
          userId: `person-${index}`,
        };
        const text = `How long does the refund for my ${index % 2 === 0 ? "kettle" : "lamp"} ${index} take?`;
        await praise(await world.ask(text, { ...place, threadId: `t${index}` }));
      }
    },
  };
}

type IsolationWorld = Awaited<ReturnType<typeof openIsolationWorld>>;

function placeOf(workspaceId: string): { readonly platform: Platform; readonly workspaceId: string } {
  return { platform: workspaceId.startsWith("slack:") ? "slack" : "discord", workspaceId };
}

interface Audience {
  readonly workspaceId: string;
  readonly audience: string;
}

/** Looks for planted words of other audiences in whatever can be written as JSON. */
function createSearch(planted: readonly Planted[]) {
  const found: string[] = [];
  const looked = new Map<string, number>();
  const own = new Map<string, number>();
  return {
    found,
    looked,
    own,
    /** `reader` is who may draw on it; nobody's words may stand where it is undefined. */
    look(where: string, reader: Audience | undefined, value: unknown): void {
      looked.set(where, (looked.get(where) ?? 0) + 1);
      const text = typeof value === "string" ? value : JSON.stringify(value);
      for (const { place, word, audience } of planted) {
        if (!text.includes(word)) continue;
        const isOwn = reader?.workspaceId === place.workspaceId && reader.audience === audience;
        if (isOwn) own.set(where, (own.get(where) ?? 0) + 1);
        else found.push(`${where}: "${word}" of ${place.workspaceId} ${audience} read by ${JSON.stringify(reader)}`);
      }
    },
  };
}

type Search = ReturnType<typeof createSearch>;

/** Of each audience, all domains together. */
async function searchDatasets(world: IsolationWorld, planted: readonly Planted[], search: Search): Promise<void> {
  const publics = [...WORKSPACES, ...OTHER_WORKSPACES].map((workspaceId) => ({ workspaceId, audience: "public" }));
  for (const reader of [...publics, ...planted.map(({ place, audience }) => ({ ...place, audience }))]) {
    const { workspaceId, audience } = reader;
    const built = await buildDataset(
      { ...world.store, now: () => world.clock.nowMs },
      {
        scope: { workspaceId, audience, domain: ALL_DOMAINS },
        days: 30,
        settings: SETTINGS,
        systemPromptFor: async () => "Be kind.",
        signal: new AbortController().signal,
      },
    );
    expect([reader.audience, built.train.length > 0]).toEqual([reader.audience, true]);
    search.look("data set", { workspaceId, audience }, built);
    search.look("data set record", undefined, describeDataset(built));
  }
}

/** Everybody asks for everybody's words, by the very question. */
async function searchExamples(world: IsolationWorld, planted: readonly Planted[], search: Search): Promise<void> {
  const readers: readonly Audience[] = [
    ...[...WORKSPACES, ...OTHER_WORKSPACES].map((workspaceId) => ({ workspaceId, audience: "public" })),
    ...planted.map(({ place, audience }) => ({ workspaceId: place.workspaceId, audience })),
  ];
  for (const reader of readers) {
    await world.finder.refresh({ ...reader, domain: "support" });
    for (const { word } of planted) {
      const question = `How long does the refund for my ${word} take?`;
      const scope = { ...reader, domain: "support" };
      const examples = await world.finder.find({ scope, question, exceptTurnIds: new Set() });
      search.look("example", reader, examples);
    }
  }
}

/** Each person's own data, also that of the same person in another workspace. */
async function searchExports(world: IsolationWorld, planted: readonly Planted[], search: Search): Promise<void> {
  for (const { place, audience } of planted) {
    for (const workspaceId of [...WORKSPACES, ...OTHER_WORKSPACES]) {
      const text = await world.commandParts.privacy.exportData({ workspaceId, userId: place.userId });
      search.look("export", { workspaceId, audience }, text);
    }
  }
  for (const userId of ["boss", ...RATERS]) {
    for (const workspaceId of WORKSPACES) {
      search.look("export", undefined, await world.commandParts.privacy.exportData({ workspaceId, userId }));
    }
  }
}

const COMMANDS = [
  "/status",
  "/train",
  "/adapters",
  "/models",
  "/learning",
  "/settings show",
  "/moderation",
  "/help",
  "/why",
  "/privacy",
];

/** An admin in a public channel, also with the ids of private messages, which they could have from anywhere. */
async function searchCommands(world: IsolationWorld, planted: readonly Planted[], search: Search): Promise<void> {
  for (const workspaceId of [...WORKSPACES, ...OTHER_WORKSPACES]) {
    const call = { ...placeOf(workspaceId), channelId: "town", visibility: "public", ...ADMIN } as const;
    for (const command of COMMANDS) search.look("command", undefined, await world.say(command, call));
  }
  for (const [index, { place, turns }] of planted.entries()) {
    const { platform, workspaceId, channelId, visibility } = place;
    const here = { platform, workspaceId, channelId, visibility, userId: place.userId };
    await world.say("/report It is wrong.", here);
    const messageId = turns[0]?.messages.find(({ role }) => role === "reply")?.messageId ?? "";
    const stranger = { platform, workspaceId, channelId: "town", visibility: "public", messageId } as const;
    const command = ["/why", "/regenerate", "/rate 5"][index % 3] ?? "/why";
    const admin = { ...stranger, userId: `admin-${index}`, isAdmin: true };
    search.look("command", undefined, await world.say(command, admin));
  }
  for (const workspaceId of WORKSPACES) {
    const call = { ...placeOf(workspaceId), channelId: "town", visibility: "public", ...ADMIN } as const;
    search.look("command", undefined, await world.say("/moderation", call));
  }
  for (const notice of world.told) search.look("admin notice", undefined, notice);
}

/** What the model was given, and what it said to whom. */
async function searchPrompts(world: IsolationWorld, search: Search): Promise<void> {
  for (const { conversationId, messages } of world.requests) {
    const conversation = await world.store.chat.findConversation(conversationId);
    if (conversation === undefined) throw new Error(`There is no conversation ${conversationId}`);
    search.look("prompt", conversation, messages);
  }
}

/** Every entry belongs to one audience; then everybody asks the very questions of others. */
async function searchCache(world: IsolationWorld, planted: readonly Planted[], search: Search): Promise<void> {
  for (const entry of await world.store.cache.inspect(100_000)) {
    const turn = await world.store.chat.findTurn(entry.turnId);
    search.look("cache", turn, { question: entry.question, reply: entry.reply });
  }
  let crossed = 0;
  for (const { word, place } of planted) {
    const text = `How long does the refund for my ${word} take?`;
    const elsewhere: readonly Place[] = [
      { ...place, channelId: "town", visibility: "public", userId: "stranger" },
      { ...place, channelId: `${place.channelId}x`, userId: "stranger" },
      { ...place, ...placeOf(OTHER_WORKSPACES[0]), userId: "stranger" },
    ];
    for (const [index, there] of elsewhere.entries()) {
      const turn = await world.ask(text, { ...there, threadId: `${word}-${index}` });
      if (turn.provenance.cache.hit !== "none" || turn.provenance.exampleTurnIds?.some(isPlanted) === true) crossed++;
    }
  }
  search.looked.set("crossing", planted.length * 3);
  expect(crossed).toBe(0);

  function isPlanted(turnId: string): boolean {
    return planted.some(({ turns }) => turns.some(({ id }) => id === turnId));
  }
}

/** Of syllables, unlike a key or a name, and in no other of them. */
function wordFor(index: number): string {
  const syllables = ["ba", "ke", "mi", "ro", "tu", "sha", "le", "vi"];
  const at = (part: number) => syllables[Math.floor(index / syllables.length ** part) % syllables.length] ?? "";
  return `zor${at(0)}${at(1)}${at(0)}nak`;
}
