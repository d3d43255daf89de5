import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  ollamaProgram,
  openTestEngine,
  openTinyPrompts,
  startTestOllama,
} from "../fixtures/ollama/ollama-under-test.ts";
import { makeTrialFolder, PROGRAM, plainEnvironment, runProgram } from "../fixtures/trials/run-program.ts";

const TIMEOUT_MS = 240_000;
const MODEL = "reactune-base";

/** A folder whose settings name Ollama's own OpenAI-compatible API. */
async function installOnOllama(): Promise<{ readonly folder: string; readonly model: string }> {
  const folder = makeTrialFolder();
  const [ollama, prompts] = await Promise.all([startTestOllama(), openTinyPrompts()]);
  onTestFinished(() => ollama.stop());
  await (await openTestEngine(prompts, [ollama.url])).close();
  await prompts.close();
  const model = `${MODEL}-${prompts.base.digest.slice(0, 12)}`;
  writeFileSync(
    join(folder, "reactune.yaml"),
    `inference:\n  engine: openai\n  preset: custom\n  hosts: ["${ollama.url}/v1"]\n  hostModel: ${model}\n`,
  );
  return { folder, model };
}

function chat(cwd: string, lines: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [PROGRAM, "chat"], { cwd, env: plainEnvironment(), stdio: "pipe" });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS / 2);
  onTestFinished(() => clearTimeout(timer));
  child.stdin.end(`${lines.join("\n")}\n`);
  child.stderr.resume();
  return readText(child.stdout);
}

describe.skipIf(ollamaProgram === undefined)("a program on an OpenAI-compatible server (needs ollama)", () => {
  test("answers, says who did, and says at once that nothing can be trained for it", {
    timeout: TIMEOUT_MS,
  }, async () => {
    const { folder, model } = await installOnOllama();
    const said = await chat(folder, ["How do I install it?", "/why", "/quit"]);
    const [doctor, readiness, train] = [
      await runProgram(["doctor"], { cwd: folder, timeoutMs: TIMEOUT_MS / 4 }),
      await runProgram(["readiness"], { cwd: folder }),
      await runProgram(["train", "technical"], { cwd: folder }),
    ];

    expect(said).toMatch(new RegExp(`Model\\W+${model} at an OpenAI-compatible server`, "u"));
    expect(said).toMatch(/Adapter\W+none \(base model\): \S+ at an OpenAI-compatible server takes none/u);
    expect(said).toMatch(/[1-9]\d* tokens in \d+ ms/u);
    expect(doctor.stdout).toMatch(new RegExp(`answers with ${model}; takes no adapters`, "u"));
    expect(readiness.stdout).toMatch(/No training: Chat is answered by .* takes no adapters\. Set inference\.engine/u);
    expect(train.exitCode).toBe(1);
    expect(train.stderr + train.stdout).toMatch(/takes no adapters/u);
  });
});
