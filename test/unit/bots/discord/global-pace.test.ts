import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { pacedRequests } from "#bots/discord/global-pace.ts";

const PER_SECOND = 10;

/** A server that notes when each request came, by its path. */
async function openServer() {
  const cameAtMs: { readonly path: string; readonly atMs: number }[] = [];
  const server = createServer((request, response) => {
    cameAtMs.push({ path: request.url ?? "", atMs: performance.now() });
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { cameAtMs, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

test("pacedRequests() sends no more in any second than it may, however they come", async () => {
  const { cameAtMs, url } = await openServer();
  const send = pacedRequests(() => PER_SECOND, Date.now);
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  const first = Array.from({ length: PER_SECOND - 2 }, () => send(`${url}/channels/1`, { method: "GET" }));
  await pause(700);
  const second = Array.from({ length: PER_SECOND + 2 }, () => send(`${url}/channels/1`, { method: "GET" }));
  await Promise.all([...first, ...second]);

  expect(cameAtMs).toHaveLength(PER_SECOND * 2);
  for (const [index, { atMs }] of cameAtMs.entries()) {
    expect(atMs - (cameAtMs[index - PER_SECOND]?.atMs ?? -1001)).toBeGreaterThan(1000);
  }
});

test("pacedRequests() holds up no answer to a command", async () => {
  const { cameAtMs, url } = await openServer();
  const send = pacedRequests(() => 1, Date.now);

  const slow = Array.from({ length: 2 }, () => send(`${url}/channels/1`, { method: "GET" }));
  await send(`${url}/interactions/12/token/callback`, { method: "POST" });
  await Promise.all(slow);

  expect(cameAtMs.findIndex(({ path }) => path.startsWith("/interactions/"))).toBeLessThan(2);
});
