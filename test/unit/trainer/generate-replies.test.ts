import { expect, test } from "vitest";
import { QueueFullError } from "#core/errors.ts";
import type { GenerateChunk, GenerateRequest } from "#inference/inference-engine.ts";
import { generateReplies } from "#trainer/generate-replies.ts";
import { scriptedEngine } from "../../fixtures/dashboard/scripted-engine.ts";

const QUESTIONS = ["one", "two"].map((text) => ({ id: text, messages: [{ role: "user" as const, content: text }] }));
const NEVER = new AbortController().signal;

function recordingEngine() {
  const requests: GenerateRequest[] = [];
  const scripted = scriptedEngine((question, adapter) => ({ text: ` ${adapter ?? "base"} says ${question} \n` }));
  const generate = (request: GenerateRequest) => {
    requests.push(request);
    return scripted.generate(request);
  };
  return { requests, engine: { ...scripted, generate } };
}

test("generateReplies() gives each question's trimmed reply by id, and tells how far it is", async () => {
  const told: string[] = [];
  const onReply = (done: number, total: number) => told.push(`${done}/${total}`);

  const replies = await generateReplies(recordingEngine().engine, QUESTIONS, {
    replyTokensMax: 9,
    onReply,
    signal: NEVER,
  });

  expect([...replies]).toEqual([
    ["one", "base says one"],
    ["two", "base says two"],
  ]);
  expect(told).toEqual(["1/2", "2/2"]);
});

test("generateReplies() asks greedily with the adapter, so that the words are the same every time", async () => {
  const { engine, requests } = recordingEngine();
  const adapter = { digest: "abc", path: "/abc.gguf" };

  const replies = await generateReplies(engine, QUESTIONS, { adapter, replyTokensMax: 9, signal: NEVER });

  expect(replies.get("one")).toBe("abc says one");
  expect(requests).toHaveLength(2);
  for (const request of requests)
    expect(request).toMatchObject({ adapter, replyTokensMax: 9, sampling: { temperature: 0, repeatPenalty: 1 } });
});

test("generateReplies() rejects with the signal's reason when it is cancelled on the way", async () => {
  const cancel = new AbortController();
  const onReply = () => cancel.abort("enough");

  const generating = generateReplies(recordingEngine().engine, QUESTIONS, {
    replyTokensMax: 9,
    onReply,
    signal: cancel.signal,
  });

  await expect(generating).rejects.toBe("enough");
});

test("generateReplies() rejects when a reply was cut by the cancelling, rather than take half of it", async () => {
  const cancel = new AbortController();
  const engine = scriptedEngine(() => ({ text: "a long reply", pauseMs: 30, chunkChars: 1 }));
  setTimeout(() => cancel.abort("enough"), 60);

  const generating = generateReplies(engine, QUESTIONS.slice(0, 1), { replyTokensMax: 9, signal: cancel.signal });

  await expect(generating).rejects.toBe("enough");
});

test("generateReplies() rejects when the engine does", async () => {
  const engine = {
    ...recordingEngine().engine,
    // biome-ignore lint/correctness/useYield: it fails before its first chunk
    async *generate(): AsyncGenerator<GenerateChunk> {
      throw new QueueFullError(4);
    },
  };

  await expect(generateReplies(engine, QUESTIONS, { replyTokensMax: 9, signal: NEVER })).rejects.toThrow(
    QueueFullError,
  );
});

test("generateReplies() asks nothing when there is no question", async () => {
  const { engine, requests } = recordingEngine();

  expect((await generateReplies(engine, [], { replyTokensMax: 9, signal: NEVER })).size).toBe(0);
  expect(requests).toHaveLength(0);
});
