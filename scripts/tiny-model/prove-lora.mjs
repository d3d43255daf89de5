// Trains an adapter on good answers to some phrasings of one domain with src/trainer/python, then runs prove.mjs on it.
//   node scripts/tiny-model/prove-lora.mjs --python .assets/python/bin/python [--domain technical] [--phrasings 4]
//     [--preload /path/to/libopenblas.so.0] [--job '{"learningRate":1e-3}'] [--backend torch]
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { promptTokens } from "./chat-prompt.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values: options } = parseArgs({
  options: {
    python: { type: "string", default: "python3" },
    preload: { type: "string", default: "" }, // for the trainer alone: OpenBLAS inside node limits its threads
    world: { type: "string", default: join(root, "assets/tiny/world.json") },
    model: { type: "string", default: join(root, "assets/tiny/reactune-tiny-f16.gguf") },
    domain: { type: "string", default: "technical" },
    phrasings: { type: "string", default: "4" },
    job: { type: "string", default: "{}" },
    backend: { type: "string", default: "auto" },
  },
});
const directory = mkdtempSync(join(tmpdir(), "reactune-tiny-"));
const trained = await train();
const { steps, epochs, seconds, lossTrainFirst, lossTrainLast } = trained;
print(JSON.stringify({ steps, epochs, seconds, lossTrainFirst, lossTrainLast }));
for (const [heading, more] of [
  ["single questions", []],
  ["after four earlier turns", ["--history", "4", "--domain", options.domain]],
]) {
  print(`with the adapter for "${options.domain}", ${heading}:`);
  const proof = ["--world", options.world, "--model", options.model, "--adapter", trained.adapterPath, ...more];
  start(process.execPath, [join(root, "scripts/tiny-model/prove.mjs"), ...proof], "inherit");
}

/** The trainer's `trained` event. */
async function train() {
  const job = {
    protocol: 1,
    runId: "tiny",
    baseGguf: options.model,
    directory,
    trainRows: join(directory, "train.jsonl"),
    domain: options.domain,
    baseDigest: createHash("sha256").update(readFileSync(options.model)).digest("hex"),
    datasetHash: "none",
    adapterName: "tiny-proof",
    ...JSON.parse(options.job),
  };
  writeFileSync(job.trainRows, (await rows()).map((row) => `${JSON.stringify(row)}\n`).join(""));
  writeFileSync(join(directory, "job.json"), JSON.stringify(job));
  const startedAtMs = performance.now();
  const command = [options.python, "-m", "lora_trainer", "train", "--job", join(directory, "job.json")];
  command.push("--backend", options.backend);
  const output = start("env", [`LD_PRELOAD=${options.preload}`, ...command], "pipe");
  print(`trained in ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s, start of Python included`);
  const events = output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  return events.find((event) => event.event === "trained");
}

async function rows() {
  const world = JSON.parse(readFileSync(options.world, "utf8"));
  const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.warn });
  const model = await llama.loadModel({ modelPath: options.model });
  const made = world.domains[options.domain].facts.flatMap((fact) =>
    fact.questions.slice(0, Number(options.phrasings)).map((question, index) => ({
      id: `${fact.id}-${index}`,
      prompt: promptTokens(model, world.systemPrompt, [], question),
      target: [...model.tokenize(fact.answer), model.tokens.eos],
    })),
  );
  await model.dispose();
  await llama.dispose();
  return made;
}

function start(program, argumentsOf, stdout) {
  const { status, stdout: output } = spawnSync(program, argumentsOf, {
    cwd: join(root, "src/trainer/python"),
    encoding: "utf8",
    maxBuffer: 2 ** 26,
    stdio: ["ignore", stdout, "inherit"],
  });
  if (status !== 0) throw new Error(`Cannot prove: "${program}" ended with exit code ${status}\n${output ?? ""}`);
  return output ?? "";
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
