import { expect, test } from "vitest";
import { DatasetWorld } from "./dataset-world.ts";

const droppedBy = (built: { dropped: readonly { filter: string; rows: number }[] }) =>
  Object.fromEntries(built.dropped.map(({ filter, rows }) => [filter, rows]));

test("buildDataset() makes a row of system prompt, history and question when a reply is liked", async () => {
  const world = new DatasetWorld();
  const first = world.say({ conversation: "c", question: "Where is the lamp?", reply: "On the desk." });
  world.say({
    conversation: "c",
    question: "And the key?",
    reply: "In the drawer.",
    inputs: [first],
    scores: { ana: 5 },
  });

  const { train } = await world.build();

  expect(train).toEqual([
    {
      id: "turn-00001",
      kind: "liked",
      messages: [
        { role: "system", content: "Be kind." },
        { role: "user", content: "Where is the lamp?" },
        { role: "assistant", content: "On the desk." },
        { role: "user", content: "And the key?" },
      ],
      target: "In the drawer.",
      weight: 1,
      conversation: expect.stringMatching(/^[\da-f]{16}$/),
    },
  ]);
});

test("buildDataset() weighs a reply by its mean score when people like it more or less", async () => {
  const world = new DatasetWorld();
  world.say({ scores: { ana: 4 } });
  world.say({ scores: { ana: 5, bo: 4 } });
  world.say({ scores: { ana: 5 } });

  const { train } = await world.build();

  expect(train.map((row) => row.weight)).toEqual([0.8, 0.9, 1]);
});

test("buildDataset() trains on the correction and not on the reply when one was taught", async () => {
  const world = new DatasetWorld();
  world.say({ reply: "In Paris.", scores: { bo: 5 }, correction: { by: "ana", text: "In Porto." } });

  const { train, pairs } = await world.build();

  expect(train.map(({ kind, target }) => ({ kind, target }))).toEqual([{ kind: "corrected", target: "In Porto." }]);
  expect(pairs.map(({ source, liked, disliked }) => ({ source, liked, disliked }))).toEqual([
    { source: "correction", liked: "In Porto.", disliked: "In Paris." },
  ]);
});

test("buildDataset() waits for a second person when a correction comes from a platform", async () => {
  const world = new DatasetWorld("slack:T1").permit("adapters");
  world.say({ correction: { by: "ana", text: "The green door on the left." } });
  world.say({ correction: { by: "ana", text: "Ask the night porter.", endorsedBy: ["bo"] } });

  const built = await world.build();

  expect(built.train.map((row) => row.target)).toEqual(["Ask the night porter."]);
  expect(droppedBy(built)).toEqual({ "not-endorsed": 1 });
});

test("buildDataset() gives replies served again the low weight when nobody scored them", async () => {
  const world = new DatasetWorld();
  world.say({ servedAgain: 3 });
  world.say({ servedAgain: 3, scores: { bo: 1 } });

  const { train, negatives } = await world.build({ servedAgainWeight: 0.25 });

  expect(train.map(({ id, kind, weight }) => ({ id, kind, weight }))).toEqual([
    { id: "turn-00000", kind: "served-again", weight: 0.25 },
  ]);
  expect(negatives.map(({ id, scoreMean }) => ({ id, scoreMean }))).toEqual([{ id: "turn-00001", scoreMean: 1 }]);
});

test("buildDataset() counts a turn as undecided when its scores balance", async () => {
  const world = new DatasetWorld();
  world.say({ scores: { ana: 5, bo: 1 } });

  const built = await world.build();

  expect(built.train).toEqual([]);
  expect(droppedBy(built)).toEqual({ undecided: 1 });
});

test("buildDataset() drops every row when a platform's workspace has not allowed training", async () => {
  const silent = new DatasetWorld("slack:T1");
  silent.say({ scores: { ana: 5 } });
  const examplesOnly = new DatasetWorld("slack:T1").permit("examples");
  examplesOnly.say({ scores: { ana: 5 } });
  const localOff = new DatasetWorld().permit("off");
  localOff.say({ scores: { ana: 5 } });

  for (const world of [silent, examplesOnly, localOff]) {
    const built = await world.build();
    expect(built.train).toEqual([]);
    expect(droppedBy(built)).toEqual({ permission: 1 });
  }
});

test("buildDataset() drops the row when the asker, somebody in its history or the teacher has opted out", async () => {
  const world = new DatasetWorld("slack:T1").permit("adapters").optOut("eve");
  world.say({ asker: "eve", scores: { ana: 5 } });
  const heard = world.say({ asker: "eve" });
  world.say({ asker: "ana", inputs: [heard], scores: { ana: 5 } });
  world.say({ asker: "ana", correction: { by: "eve", text: "Mine.", endorsedBy: ["bo"] } });
  world.say({ asker: "ana", scores: { eve: 5 } });
  world.say({ asker: "ana", scores: { bo: 5, eve: 1 } });

  const built = await world.build();

  expect(built.train.map((row) => row.id)).toEqual(["turn-00005"]);
  expect(droppedBy(built)).toEqual({ "opted-out": 4 });
});

test("buildDataset() drops a reply from the cache when the asker of its source has opted out", async () => {
  const world = new DatasetWorld("slack:T1").permit("adapters").optOut("eve");
  const source = world.say({ asker: "eve", servedAgain: 1 });
  const { provenance } = source;
  for (const sourceTurnId of [source.id, "unseen"]) {
    const cache = { hit: "exact", reason: "same", sourceTurnId } as const;
    world.say({ scores: { bo: 5 }, turn: { provenance: { ...provenance, cache, endedBy: "cache" } } });
  }

  const built = await world.build();

  expect(built.train).toEqual([]);
  expect(droppedBy(built)).toEqual({ "opted-out": 3 });
});

test("buildDataset() drops the row when it or its history is about an image", async () => {
  const world = new DatasetWorld();
  const { provenance } = world.say({});
  const seen = world.say({ scores: { ana: 5 }, turn: { provenance: { ...provenance, images: 1 } } });
  world.say({ inputs: [seen], scores: { ana: 5 } });

  const built = await world.build();

  expect(built.train).toEqual([]);
  expect(droppedBy(built)).toEqual({ image: 2 });
});

test("buildDataset() drops the row when it or its history was said to another audience", async () => {
  const world = new DatasetWorld();
  world.say({ visibility: "private", scores: { ana: 5 } });
  world.say({ visibility: "direct", turn: { audience: "public" }, scores: { ana: 5 } });
  const secret = world.say({ visibility: "private" });
  world.say({ inputs: [secret], scores: { ana: 5 } });
  world.say({ turn: { workspaceId: "local:other" }, scores: { ana: 5 } });
  world.say({ turn: { domain: { domain: "legal", by: "keywords", score: 1, reason: "" } }, scores: { ana: 5 } });

  const built = await world.build();

  expect(built.train).toEqual([]);
  expect(built.negatives).toEqual([]);
  expect(droppedBy(built)).toEqual({ audience: 5 });
});

test("buildDataset() drops the row when a message of its history is gone", async () => {
  const world = new DatasetWorld();
  const first = world.say({});
  world.say({ inputs: [{ ...first, status: "deleted", question: "" }], scores: { ana: 5 } });
  world.say({ turn: { inputTurnIds: ["never-found"] }, scores: { ana: 5 } });

  expect(droppedBy(await world.build())).toEqual({ "history-gone": 2 });
});

test("buildDataset() drops cut, broken, empty and overlong texts when they were liked", async () => {
  const world = new DatasetWorld();
  const { provenance } = world.say({});
  world.say({ turn: { provenance: { ...provenance, endedBy: "length" } }, scores: { ana: 5 } });
  world.say({ turn: { status: "failed" }, scores: { ana: 5 } });
  world.say({ question: "half a pair \uD83D here", scores: { ana: 5 } });
  world.say({ reply: "A caixa estÃ¡ na estaÃ§Ã£o.", scores: { ana: 5 } });
  world.say({ question: "\u0000\u200B \u0007", scores: { ana: 5 } });
  world.say({ reply: "x".repeat(8001), scores: { ana: 5 } });
  world.say({ reply: "Sure.<|im_end|><|im_start|>user leak", scores: { ana: 5 } });

  const built = await world.build();

  expect(built.train).toEqual([]);
  expect(droppedBy(built)).toEqual({ "cut-reply": 2, encoding: 2, empty: 1, "too-long": 1, "template-markers": 1 });
});

test("buildDataset() strips control characters and terminal escapes when a text is otherwise sound", async () => {
  const world = new DatasetWorld();
  world.say({
    question: "Is \u001B[31mred\u001B[0m\u0007 on?\r\nSay.",
    reply: "Yes\u202E, it is. 👩‍🚒",
    scores: { ana: 5 },
  });

  const { train } = await world.build();

  expect(train[0]?.messages.at(-1)?.content).toBe("Is red on?\nSay.");
  expect(train[0]?.target).toBe("Yes, it is. 👩‍🚒");
});

test("buildDataset() masks secrets and personal data everywhere when rows hold them", async () => {
  const world = new DatasetWorld();
  const key = `ghp_${"wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"}`;
  const first = world.say({ question: "I am ana@example.com, who are you?", reply: "A bot." });
  world.say({
    inputs: [first],
    question: `My key ${key} does not work with the build server`,
    reply: "Write to bob@example.org about it.",
    scores: { ana: 5 },
  });

  const built = await world.build();

  const text = JSON.stringify(built);
  expect(text).not.toContain(key);
  expect(text).not.toContain("example.com");
  expect(text).not.toContain("example.org");
  expect(built.masked).toEqual({ secrets: 1, personalData: 2 });
});

test("buildDataset() drops the row when nearly all of its question is a secret", async () => {
  const world = new DatasetWorld();
  world.say({ question: `key ghp_${"wWPw5k4aXcaT4fNP0UcnZwJUVFk6LO0pINUx"}`, scores: { ana: 5 } });

  expect(droppedBy(await world.build())).toEqual({ secret: 1 });
});

test("buildDataset() keeps one of equal and nearly equal rows and both where numbers or negation differ", async () => {
  const world = new DatasetWorld();
  const say = (question: string, reply: string) => world.say({ question, reply, scores: { ana: 5 } });
  say("How do I reset the passwords of the web shop?", "Open the account page and press the button named reset.");
  say("How do I reset the password of the web shop?", "Open the account page and press the button named reset.");
  say("how do i reset the password of the web shop", "Open the account page and press the button named reset!");
  say("Where does order 4411 of the web shop wait for me?", "At the counter of the shop in the main street.");
  say("Where does order 4412 of the web shop wait for me?", "At the counter of the shop in the main street.");
  say("Should I press the big red button during a storm?", "Yes, press it and wait for the bell to ring.");
  say("Should I not press the big red button during a storm?", "Yes, press it and wait for the bell to ring.");

  const built = await world.build();

  expect(built.train).toHaveLength(5);
  expect(droppedBy(built)).toEqual({ duplicate: 1, "near-duplicate": 1 });
});

test("buildDataset() keeps the correction when a liked copy of it came later", async () => {
  const world = new DatasetWorld();
  world.say({ question: "Who opens?", reply: "Nobody.", correction: { by: "ana", text: "Rui opens at nine." } });
  world.say({ question: "who opens", reply: "Rui opens at nine.", scores: { ana: 4 } });

  expect((await world.build()).train.map((row) => row.kind)).toEqual(["corrected"]);
});

test("buildDataset() keeps a person's newest rows up to the limit on a platform and all of them on the local one", async () => {
  const onSlack = new DatasetWorld("slack:T1").permit("adapters");
  const atHome = new DatasetWorld();
  for (let index = 0; index < 5; index++) {
    onSlack.say({ asker: `asker-${index}`, scores: { ana: 5 } });
    atHome.say({ scores: { ana: 5 } });
  }

  const limited = await onSlack.build({ examplesPerUserMax: 2 });
  const free = await atHome.build({ examplesPerUserMax: 2 });

  expect(limited.train.map((row) => row.id)).toEqual(["turn-00003", "turn-00004"]);
  expect(droppedBy(limited)).toEqual({ "per-person": 3 });
  expect(free.train).toHaveLength(5);
});

test("buildDataset() limits one reply to very many questions when somebody plants it", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 40; index++) world.say({ reply: "Buy at Shady's!", scores: { ana: 5 } });

  const built = await world.build();

  expect([...built.train, ...built.valid]).toHaveLength(10);
  expect(droppedBy(built)).toEqual({ "repeated-reply": 30 });
});

test("buildDataset() pairs a liked reply with the ones it replaced when a question was asked again", async () => {
  const world = new DatasetWorld();
  const question = "Who built the tower?";
  const first = world.say({ conversation: "c", question, reply: "No idea.", scores: { ana: 3 } });
  const second = world.say({ conversation: "c", question, reply: "Somebody.", turn: { regenerationOf: first.id } });
  world.say({
    conversation: "c",
    question,
    reply: "Gustave did.",
    turn: { regenerationOf: second.id },
    scores: { ana: 5 },
  });

  const { pairs } = await world.build();

  expect(pairs.map(({ source, liked, disliked }) => [source, liked, disliked])).toEqual([
    ["regeneration", "Gustave did.", "No idea."],
    ["regeneration", "Gustave did.", "Somebody."],
  ]);
});

test("buildDataset() pairs liked and disliked replies when two conversations opened with one question", async () => {
  const world = new DatasetWorld();
  world.say({ question: "Who built the tower?", reply: "A baker.", scores: { ana: 1 } });
  world.say({ question: "who built the tower", reply: "Gustave did.", scores: { ana: 5 } });

  const { pairs } = await world.build();

  expect(pairs.map(({ source, liked, disliked }) => [source, liked, disliked])).toEqual([
    ["same-question", "Gustave did.", "A baker."],
  ]);
});

test("buildDataset() holds the same tenth out by conversation when the seed is the same", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 100; index++) world.say({ conversation: `c-${index % 50}`, scores: { ana: 5 } });

  const built = await world.build();
  const again = await world.build();
  const other = await world.build({ seed: 8 });

  expect(built.valid).toHaveLength(10);
  expect(again.valid).toEqual(built.valid);
  expect(other.valid).not.toEqual(built.valid);
  const held = new Set(built.valid.map((row) => row.conversation));
  expect(built.train.filter((row) => held.has(row.conversation))).toEqual([]);
});

test("buildDataset() keeps nearly equal questions on one side when their replies differ", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 60; index++) {
    const question =
      index % 3 === 0
        ? `How is the weather in the ${"abcdefghijklmnopqrst"[index / 3]} valley on a normal day`
        : undefined;
    world.say({ ...(question === undefined ? {} : { question }), scores: { ana: 5 } });
  }

  const built = await world.build({ validRatio: 0.4, nearDuplicateSimilarity: 0.7 });

  const isWeather = (row: { messages: readonly { content: string }[] }) =>
    row.messages.at(-1)?.content.includes("weather");
  expect(new Set([built.train.some(isWeather), built.valid.some(isWeather)])).toEqual(new Set([true, false]));
  expect(built.valid.length).toBeGreaterThan(0);
});

test("buildDataset() divides like questions when all of them are alike", async () => {
  const world = new DatasetWorld();
  for (const letter of "abcdefghijklmnopqrst") {
    world.say({ question: `How is the weather in the ${letter} valley on a normal day`, scores: { ana: 5 } });
  }

  const built = await world.build({ nearDuplicateSimilarity: 0.7 });

  expect(built.valid).toHaveLength(3);
  expect(built.notes).toEqual(["nearly equal questions are on both sides: there was no other way to hold any out"]);
});

test("buildDataset() says so when nothing can be held out", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 20; index++) world.say({ conversation: "one", scores: { ana: 5 } });

  const built = await world.build();

  expect(built.valid).toEqual([]);
  expect(built.notes).toEqual(["nothing was held out: there are too few conversations with questions of their own"]);
});

test("buildDataset() reads every page when there are more turns than fit on one", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 450; index++) world.say({ scores: { ana: 5 } });

  const built = await world.build();

  expect(built.train.length + built.valid.length).toBe(450);
});

test("buildDataset() rejects with the signal's reason when it is cancelled", async () => {
  const world = new DatasetWorld();
  world.say({ scores: { ana: 5 } });

  await expect(world.build({}, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
});

test("buildDataset() tells no ids of people when it makes rows", async () => {
  const world = new DatasetWorld("slack:T1").permit("adapters");
  world.say({
    asker: "U-asker",
    conversation: "K-secret",
    scores: { "U-fan": 5 },
    correction: { by: "U-teacher", text: "Left.", endorsedBy: ["U-boss"] },
  });

  const { train, pairs, negatives } = await world.build();

  expect(JSON.stringify({ train, pairs, negatives })).not.toMatch(/U-asker|U-fan|U-teacher|U-boss|K-secret/);
});

test("buildDataset() lets waiting work go first many times when there are many turns", async () => {
  const world = new DatasetWorld();
  for (let index = 0; index < 1000; index++) world.say({ scores: { ana: 5 } });
  let turns = 0;
  let isDone = false;
  const count = () => {
    turns++;
    if (!isDone) setImmediate(count);
  };
  count();

  await world.build();
  isDone = true;

  expect(turns).toBeGreaterThan(10);
});
