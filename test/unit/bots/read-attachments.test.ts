import { expect, test } from "vitest";
import { answerMessage } from "#bots/answer-message.ts";
import { readAttachments, withoutFiles } from "#bots/read-attachments.ts";
import type { Attachment } from "#core/inbox.ts";
import { recordingConnector, recordingLog } from "./chat-world.ts";
import { openIntakeWorld } from "./intake-world.ts";

interface GivenFile {
  readonly name: string;
  readonly contents?: string | Uint8Array;
  readonly mediaType?: string;
  readonly bytes?: number;
}

const LIMITS = { bytesMax: 10_000, imageBytesMax: 0, charsMax: 2000 };
const PNG = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a);
const JPEG = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0);

function attach(attached: Map<string, Uint8Array>, files: readonly GivenFile[]): readonly Attachment[] {
  return files.map(({ name, contents, mediaType = "text/plain", bytes }, index) => {
    const id = `f${index}`;
    const data = typeof contents === "string" ? Buffer.from(contents) : contents;
    if (data !== undefined) attached.set(id, data);
    return { id, name, mediaType, bytes: bytes ?? data?.length ?? 10, url: "" };
  });
}

async function read(files: readonly GivenFile[], limits: Partial<typeof LIMITS> = {}) {
  const { connector, attached } = recordingConnector();
  const { log, lines } = recordingLog();
  const message = {
    platform: "discord",
    workspaceId: "discord:G1",
    channelId: "C1",
    visibility: "public",
    userId: "ana",
    messageId: "m1",
    text: "",
    sentAtMs: 1,
    attachments: attach(attached, files),
  } as const;
  const signal = new AbortController().signal;
  return { ...(await readAttachments({ connector, log }, message, { ...LIMITS, ...limits }, signal)), lines };
}

test("readAttachments() gives each text file under its name, in a fence that the file cannot end", async () => {
  const { text, notice } = await read([
    { name: "a.txt", contents: "one\r\ntwo" },
    { name: "b.md", contents: "````js\nx\n````", mediaType: "application/octet-stream" },
  ]);

  expect(text).toBe("File a.txt:\n```\none\ntwo\n```\n\nFile b.md:\n`````\n````js\nx\n````\n`````");
  expect(notice).toBe("");
});

test.each([
  ["image/png", "this model cannot see images"],
  ["application/pdf", "I can read text files only"],
  ["video/mp4", "I can read text files only"],
])("readAttachments() names a file of type %s, and does not fetch it", async (mediaType, why) => {
  const { text, notice, lines } = await read([{ name: "x", mediaType }]);

  expect(text).toBe("");
  expect(notice).toBe(`x: ${why}`);
  expect(lines).toEqual([]);
});

test("readAttachments() hands images on where the model sees, and names what is none, too large or not wanted", async () => {
  const files = [
    { name: "a.png", contents: PNG, mediaType: "image/png" },
    { name: "notes.txt", contents: "one" },
    { name: "b]c.jpg", contents: JPEG, mediaType: "image/jpeg" },
    { name: "c.heic", contents: "ftypheic", mediaType: "image/heic" },
    { name: "d.png", contents: PNG, mediaType: "image/png", bytes: 20_001 },
  ];
  const { text, images, notice } = await read(files, { imageBytesMax: 20_000 });

  expect(images).toEqual([PNG, JPEG]);
  expect(text).toBe("File notes.txt:\n```\none\n```\n\n[Image: a.png]\n\n[Image: b c.jpg]");
  expect(notice).toBe("c.heic: I can see PNG and JPEG images only; d.png: it has 20001 bytes; the limit is 20000");
  expect(withoutFiles(`What is this?\n\n${text}`)).toBe("What is this?");
  expect((await read(files.slice(0, 1), { imageBytesMax: 20_000, bytesMax: 0 })).notice).toBe(
    "a.png: files are not read here",
  );
});

test("readAttachments() goes by the bytes, not by what the platform calls the file", async () => {
  const binary = Uint8Array.from({ length: 300 }, (_, index) => index % 7);
  const { text, notice } = await read([{ name: "x.txt", contents: binary }]);

  expect(text).toBe("");
  expect(notice).toBe("x.txt: it is not text");
});

test.each([
  ["a byte order mark and two bytes a letter", Uint8Array.from([0xff, 0xfe, 0x6f, 0, 0x6c, 0, 0xe1, 0]), "olá"],
  ["an old Windows encoding", Uint8Array.from([0x6f, 0x6c, 0xe1]), "olá"],
])("readAttachments() reads %s", async (_what, contents, expected) => {
  expect((await read([{ name: "a", contents }])).text).toContain(`\n${expected}\n`);
});

test("readAttachments() loses no more than the last letter when the platform has more bytes than it said", async () => {
  const contents = Buffer.from("ol\u00e1\u00e1").subarray(0, 5);

  expect((await read([{ name: "a", contents, bytes: 4 }], { bytesMax: 5 })).text).toContain("\nol\u00e1\n");
});

test("readAttachments() names what is too large, what cannot be fetched, and what comes after the fifth file", async () => {
  const many = Array.from({ length: 6 }, (_, index) => ({ name: `${index}.txt`, contents: "x" }));
  const { notice, lines } = await read([{ name: "big.log", bytes: 10_001 }, { name: "gone.txt" }, ...many.slice(0, 4)]);

  expect(notice).toContain("big.log: it has 10001 bytes; the limit is 10000");
  expect(notice).toContain("gone.txt: it could not be fetched");
  expect(notice).toContain("3.txt: only 5 files are read");
  expect(lines).toMatchObject([{ level: "warn", event: "attachment.unreadable" }]);
  expect((await read(many.slice(0, 1), { bytesMax: 0 })).notice).toBe("0.txt: files are not read here");
});

test("readAttachments() cuts what does not fit, says so, and never passes the limit", async () => {
  const { text, notice } = await read([
    { name: "a.txt", contents: "x".repeat(5000) },
    { name: "b.txt", contents: "y".repeat(500) },
  ]);

  expect(text.length).toBeLessThanOrEqual(2000);
  expect(text).toContain("\n[cut]\n```");
  expect(notice).toMatch(/^a\.txt: it was cut; \d+ characters did not fit; b\.txt: there is no room left for it$/u);
});

test("readAttachments() takes no Markdown and no line breaks from a file's name", async () => {
  const { text } = await read([{ name: "a`b\n**c** <@1>.txt", contents: "x" }]);

  expect(text.split("\n")[0]).toBe("File a b c @1 .txt:");
});

test("withoutFiles() leaves the words of the question", async () => {
  expect(withoutFiles("What is this?\n\n[Image: a.png]\n\n[Image: b.png]")).toBe("What is this?");
  expect(withoutFiles("[Image: a.png]")).toBe("");
  expect(withoutFiles("see [Image: a.png] there")).toBe("see [Image: a.png] there");
  const { text } = await read([{ name: "a.txt", contents: "one" }]);

  expect(withoutFiles(`What is this?\n\n${text}`)).toBe("What is this?");
  expect(withoutFiles(text)).toBe("");
  expect(withoutFiles("File a question")).toBe("File a question");
});

test("answerMessage() asks and stores the file's text with the question, and tells what it could not read", async () => {
  const world = await openIntakeWorld();
  const attachments = attach(world.attached, [
    { name: "notes.txt", contents: "The kettle is blue." },
    { name: "photo.png", mediaType: "image/png" },
  ]);

  await world.say("m1", "What is this?", { attachments });

  const question = "What is this?\n\nFile notes.txt:\n```\nThe kettle is blue.\n```";
  expect(world.requests.at(-1)?.messages.at(-1)?.content).toBe(question);
  const turn = await world.store.chat.findTurn("turn-e-m1");
  expect(turn).toMatchObject({ question, reply: `You said: ${question}` });
  expect(world.seen.get("turn-e-m1.0")?.text).toMatch(
    /^\*\(photo\.png: this model cannot see images\.\)\*\n\nYou said/u,
  );
});

test("answerMessage() says so when a message is nothing but an image", async () => {
  const world = await openIntakeWorld();
  const attachments = attach(world.attached, [{ name: "photo.png", mediaType: "image/png" }]);

  await world.say("m1", "", { attachments });

  expect([...world.seen.values()].map(({ text }) => text)).toEqual([expect.stringContaining("cannot see images")]);
  expect(world.requests).toEqual([]);
});

test("answerMessage() shows a model that sees the images beside the question, and keeps them out of the cache", async () => {
  const world = await openIntakeWorld({ base: { seesImages: true } });
  const attachments = attach(world.attached, [{ name: "photo.png", contents: PNG, mediaType: "image/png" }]);

  await world.say("m1", "What is this?", { attachments });
  await world.say("m2", "What is this?", { attachments, channelId: "C2" });

  const question = "What is this?\n\n[Image: photo.png]";
  expect(world.requests.map(({ messages }) => messages.at(-1))).toEqual([
    { role: "user", content: question, images: [PNG] },
    { role: "user", content: question, images: [PNG] },
  ]);
  const turn = await world.store.chat.findTurn("turn-e-m1");
  expect(turn).toMatchObject({ question, provenance: { images: 1, cache: { reason: "a question about an image" } } });
  expect(world.seen.get("turn-e-m1.0")?.text).toBe(`You said: ${question}`);
});

test("answerMessage() fetches the images again when a kill came before the reply", async () => {
  const world = await openIntakeWorld({ base: { seesImages: true } });
  const attachments = attach(world.attached, [{ name: "photo.png", contents: PNG, mediaType: "image/png" }]);
  await world.say("m1", "What is this?", { attachments });
  const turn = await world.store.chat.findTurn("turn-e-m1");
  if (turn === undefined) throw new Error("Nothing was answered");
  await world.store.chat.saveTurn({ ...turn, status: "streaming", reply: "" });

  const signal = new AbortController().signal;
  await answerMessage(
    world.parts,
    world.connector,
    turn.id,
    world.message("m1", "What is this?", { attachments }),
    signal,
  );

  expect(world.requests.map(({ messages }) => messages.at(-1)?.images)).toEqual([[PNG], [PNG]]);
});

test("answerMessage() says that it has the images no more when the question is answered again", async () => {
  const world = await openIntakeWorld({ base: { seesImages: true } });
  const attachments = attach(world.attached, [{ name: "photo.png", contents: PNG, mediaType: "image/png" }]);
  await world.say("m1", "What is this?", { attachments });

  await world.say("m2", "", { regenerationOf: "turn-e-m1" });

  expect(world.seen.get("turn-e-m2.0")?.text).toMatch(/^\*\(I do not keep images/u);
  expect(world.requests.at(-1)?.messages.at(-1)).not.toHaveProperty("images");
  expect((await world.store.chat.findTurn("turn-e-m2"))?.provenance.images).toBe(1);
});

test("acceptEdit() does not answer again when only a preview was added to a question with a file", async () => {
  const world = await openIntakeWorld();
  const attachments = attach(world.attached, [{ name: "notes.txt", contents: "The kettle is blue." }]);
  await world.say("m1", "What is this?", { attachments });

  await world.intake.acceptEdit({ ...world.place("m1"), text: "What is this?", editedAtMs: 5 });
  await world.settle();

  expect(world.requests).toHaveLength(1);
});
