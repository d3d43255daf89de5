import { expect, test } from "vitest";
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

const LIMITS = { bytesMax: 10_000, charsMax: 2000 };

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

test("acceptEdit() does not answer again when only a preview was added to a question with a file", async () => {
  const world = await openIntakeWorld();
  const attachments = attach(world.attached, [{ name: "notes.txt", contents: "The kettle is blue." }]);
  await world.say("m1", "What is this?", { attachments });

  await world.intake.acceptEdit({ ...world.place("m1"), text: "What is this?", editedAtMs: 5 });
  await world.settle();

  expect(world.requests).toHaveLength(1);
});
