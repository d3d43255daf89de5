import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { InferenceUnavailableError } from "#core/errors.ts";
import { openAiModerator } from "#inference/openai/moderation.ts";

interface Asked {
  readonly path: string | undefined;
  readonly key: string | undefined;
  readonly body: unknown;
}

/** A moderation server that answers as the test says. */
async function startServer(answer: (response: ServerResponse, asked: Asked) => void) {
  const asked: Asked[] = [];
  const server = createServer(async (request: IncomingMessage, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const one = { path: request.url, key: request.headers.authorization, body: JSON.parse(text) as unknown };
    asked.push(one);
    answer(response, one);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked };
}

const json = (body: unknown) => (response: ServerResponse) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
};

const never = new AbortController().signal;

test("judge() sends the text with model and key, and tells what was found", async () => {
  const results = [{ flagged: true, categories: { violence: true, hate: false, harassment: true } }];
  const { url, asked } = await startServer(json({ id: "modr-1", model: "m", results }));

  const judgement = await openAiModerator({ url, model: "omni", key: "secret" }).judge("Some words", never);

  expect(judgement).toEqual({ isFlagged: true, categories: ["harassment", "violence"] });
  expect(asked).toEqual([
    { path: "/v1/moderations", key: "Bearer secret", body: { model: "omni", input: "Some words" } },
  ]);
});

test("judge() lets pass what was not flagged", async () => {
  const { url } = await startServer(json({ results: [{ flagged: false, categories: { violence: false } }] }));

  expect(await openAiModerator({ url: `${url}/`, model: "omni" }).judge("Hello", never)).toEqual({
    isFlagged: false,
    categories: [],
  });
});

test.each([
  ["fails", (response: ServerResponse) => void response.writeHead(500).end()],
  ["says nothing of use", json({ results: [] })],
  ["answers no JSON", (response: ServerResponse) => void response.end("<html>")],
  ["sends elsewhere", (response: ServerResponse) => void response.writeHead(302, { location: "/" }).end()],
  ["does not answer", () => {}],
])("judge() rejects with InferenceUnavailableError when the server %s", async (_what, answer) => {
  const { url } = await startServer(answer);

  const judging = openAiModerator({ url, model: "omni", key: "secret", timeoutMs: 200 }).judge("Some words", never);

  const error = await judging.catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(InferenceUnavailableError);
  expect(String(error)).not.toMatch(/secret|Some words/u);
});

test("judge() rejects with the signal's reason when it is aborted", async () => {
  const { url } = await startServer(() => {});
  const abort = new AbortController();
  const judging = openAiModerator({ url, model: "omni" }).judge("Some words", abort.signal);

  abort.abort(new Error("Nobody waits"));

  await expect(judging).rejects.toThrow("Nobody waits");
});
