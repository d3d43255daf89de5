import { expect, test } from "vitest";
import { ADMIN, openCommandWorld } from "./command-world.ts";

test("/models tells what can answer and how it does, without how much it is asked", async () => {
  const { say, askHere } = await openCommandWorld();
  expect((await say("/models", ADMIN)).text).toContain("not used yet");
  for (let asked = 0; asked < 7; asked++) await askHere(`Question ${asked}?`);

  const { text } = await say("/models", ADMIN);

  expect(text).toContain("**Scripted-1M** (llama, 1 M parameters, context of 2048 tokens): answers now");
  expect(text).toMatch(/\d+\.\d s a reply on average, 0\.0 % failed/u);
  expect(text).not.toContain("7");
});
