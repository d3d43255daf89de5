import { expect, test } from "vitest";
import { openPatiently } from "#compose/open-patiently.ts";
import { ConfigInvalidError, InferenceUnavailableError, StoreUnreachableError } from "#core/errors.ts";
import { recordingLog } from "../../fixtures/redis/start-redis.ts";

function openWaiting(failures: readonly Error[]) {
  const left = [...failures];
  const waits: (string | undefined)[] = [];
  const log = recordingLog();
  const open = async () => {
    const failure = left.shift();
    if (failure !== undefined) throw failure;
    return "open";
  };
  const opening = openPatiently("the stores", open, { log, onWait: (why) => waits.push(why), firstMs: 1 });
  return { opening, waits, log };
}

test("openPatiently() tries until every server is back, and says meanwhile what it waits for", async () => {
  const away = new StoreUnreachableError("db:27017");
  const { opening, waits, log } = openWaiting([away, away, new InferenceUnavailableError("Ollama"), away, away]);

  expect(await opening).toBe("open");

  expect(waits).toHaveLength(6);
  expect(waits[0]).toMatch(/^waiting for the stores: Cannot use the store in MongoDB at "db:27017".*Start MongoDB/u);
  expect(waits[2]).toContain('"Ollama"');
  expect(waits.at(-1)).toBeUndefined();
  expect(log.lines.map(({ event }) => event)).toEqual([
    "start.waiting",
    "start.waiting",
    "start.waiting",
    "start.going-on",
  ]);
});

test("openPatiently() rejects at once when it is not for a server that is away", async () => {
  const { opening, waits } = openWaiting([new ConfigInvalidError(["mongo.uri: wrong password"])]);

  await expect(opening).rejects.toThrow("wrong password");

  expect(waits).toEqual([]);
});
