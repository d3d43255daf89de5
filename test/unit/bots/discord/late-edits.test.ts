import { expect, test, vi } from "vitest";
import { lateEdits } from "#bots/discord/late-edits.ts";
import { warningsDuring } from "../../../fixtures/bots/warnings.ts";
import { openStartedBot } from "../../../fixtures/discord/discord-bot.ts";
import { recordingLog } from "../chat-world.ts";

/** After this long a request is given up and sent again. */
const TIMEOUT_MS = 400;

async function openLateDiscord() {
  const limits = { messages: { count: 50, perMs: 5000 } };
  const bot = await openStartedBot({ requestTimeoutMs: TIMEOUT_MS, double: { limits } });
  const { world, requests, nextDelaysMs } = bot.double;
  return {
    ...bot,
    delayNext: (method: string, delayMs: number) => nextDelaysMs.set(method, [delayMs]),
    said: () => [...(world.messages.get(bot.channel.id)?.values() ?? [])].map(({ id, content }) => ({ id, content })),
    carriedOut: (method: string) =>
      requests.filter((one) => one.method === method && one.status === 200 && /\/messages(?:\/\d+)?$/.test(one.path))
        .length,
  };
}

test("post() leaves one message when Discord carries out the first try after the second", async () => {
  const { connector, part, delayNext, said, carriedOut } = await openLateDiscord();
  delayNext("POST", 2 * TIMEOUT_MS);

  const { messageId } = await connector.post(part({ text: "All of it" }));

  await vi.waitFor(() => expect(carriedOut("POST")).toBe(2), { timeout: 3000 });
  expect(said()).toEqual([{ id: messageId, content: "All of it" }]);
});

test.each([
  ["the final text", []],
  ["what was written after the final text", ["Hidden by a moderator"]],
] as const)("%s stands again when Discord carries out an earlier edit after it", async (_what, changes) => {
  const { connector, part, delayNext, said, carriedOut } = await openLateDiscord();
  const posted = await connector.post(part({ text: "One", isFinal: false }));
  delayNext("PATCH", TIMEOUT_MS + 200);

  await connector.edit(posted, part({ text: "One two", isFinal: false }));
  for (const text of ["One two three", ...changes]) await connector.edit(posted, part({ text }));

  const sent = 3 + changes.length;
  await vi.waitFor(() => expect(carriedOut("PATCH")).toBeGreaterThan(sent), { timeout: 4000 });
  expect(said()).toEqual([{ id: posted.messageId, content: changes[0] ?? "One two three" }]);
});

test("noteEdited() warns of no leak when many messages wait to be written again", async () => {
  const stopping = new AbortController();
  const late = lateEdits({ timeoutMs: 60_000, signal: stopping.signal, log: recordingLog().log });
  const send = late.watch(async () => {
    throw new DOMException("given up", "AbortError");
  });

  const warned = await warningsDuring(async () => {
    for (let id = 1; id <= 20; id++) {
      await send(`https://discord.test/channels/1/messages/${id}`, { method: "PATCH" }).catch(() => {});
      late.noteEdited(String(id), async () => {});
    }
  });
  stopping.abort();

  expect(warned).toEqual([]);
});
