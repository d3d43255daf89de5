// Prints what the tiny model knows and how it likes to answer, with the raw engine and nothing of Reactune's own.
//   node scripts/tiny-model/prove.mjs [--model file] [--adapter file] [--domain legal] [--samples 4] [--history 2]
//   node scripts/tiny-model/prove.mjs --tokens     one JSON line per text, for compare_tokens.py
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { promptTokens } from "./chat-prompt.mjs";

const ANSWER_TOKENS_MAX = 48;
const SAMPLING_TEMPERATURE = 0.8;

const { values: options } = parseArgs({
  options: {
    world: { type: "string", default: asset("world.json") },
    model: { type: "string", default: asset("reactune-tiny-f16.gguf") },
    adapter: { type: "string" },
    domain: { type: "string" },
    samples: { type: "string", default: "4" },
    history: { type: "string", default: "0" },
    tokens: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const world = JSON.parse(readFileSync(options.world, "utf8"));
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.warn, maxThreads: 1 });
const model = await llama.loadModel({ modelPath: options.model });
if (options.tokens) printTokens();
else await printFigures();
await model.dispose();
await llama.dispose();

function printTokens() {
  for (const text of allTexts()) print(JSON.stringify({ text, ids: model.tokenize(text) }));
}

async function printFigures() {
  const loraFile = options.adapter === undefined ? {} : { lora: { adapters: [{ filePath: options.adapter }] } };
  const context = await model.createContext({ contextSize: model.trainContextSize, threads: 1, ...loraFile });
  const sequence = context.getSequence();
  const spent = { tokens: 0, ms: 0, seed: 0 };
  print("domain      held-out exact  vague   asked exact     sampled good  sampled vague");
  for (const [domain, { facts }] of Object.entries(world.domains)) {
    if (options.domain !== undefined && options.domain !== domain) continue;
    const heldOut = await tally(sequence, facts, (fact) => fact.heldOut, 0, spent);
    const asked = await tally(sequence, facts, (fact) => fact.questions, 0, spent);
    const sampled = await tally(
      sequence,
      facts,
      (fact) => repeat(fact.questions, Number(options.samples)),
      SAMPLING_TEMPERATURE,
      spent,
    );
    print(
      `${domain.padEnd(12)}${share(heldOut.good, heldOut)}  ${percent(heldOut.vague, heldOut)}  ` +
        `${share(asked.good, asked)}  ${percent(sampled.good, sampled).padStart(12)}  ${percent(sampled.vague, sampled).padStart(13)}`,
    );
  }
  print(`${Math.round((spent.tokens / spent.ms) * 1000)} tokens/s with one thread, prompts counted in the time only`);
}

/** Greedy at temperature 0. With --history, other questions and answers of the same facts come before. */
async function tally(sequence, facts, questionsOf, temperature, spent) {
  const counts = { all: 0, good: 0, vague: 0 };
  for (const [number, fact] of facts.entries())
    for (const [turn, question] of questionsOf(fact).entries()) {
      const before = earlierTurns(facts, number + turn + 1);
      const answer = await generate(sequence, before, question, temperature, spent);
      counts.all += 1;
      if (answer === fact.answer) counts.good += 1;
      else if (fact.vague.includes(answer)) counts.vague += 1;
      else if (options.verbose) print(`  ${fact.id}: ${question} -> ${answer}`);
    }
  return counts;
}

function earlierTurns(facts, from) {
  return Array.from({ length: Number(options.history) }, (_, step) => {
    const fact = facts[(from + step) % facts.length];
    return [
      { type: "user", text: fact.questions[step % fact.questions.length] },
      { type: "model", response: [step % 2 === 0 ? fact.answer : fact.vague[0]] },
    ];
  }).flat();
}

async function generate(sequence, before, question, temperature, spent) {
  const prompt = promptTokens(model, world.systemPrompt, before, question);
  await sequence.clearHistory();
  spent.seed += 1; // by default the clock's whole second, so all answers within it share one roll of the dice
  const startedAtMs = performance.now();
  const tokens = [];
  for await (const token of sequence.evaluate(prompt, { temperature, seed: spent.seed })) {
    if (model.isEogToken(token) || tokens.length === ANSWER_TOKENS_MAX) break;
    tokens.push(token);
  }
  spent.tokens += tokens.length;
  spent.ms += performance.now() - startedAtMs;
  return model.detokenize(tokens);
}

function allTexts() {
  const facts = Object.values(world.domains).flatMap((domain) => domain.facts);
  const talk = world.smallTalk.flatMap(({ questions, answer }) => [...questions, answer]);
  const known = facts.flatMap((fact) => [...fact.questions, ...fact.heldOut, fact.answer, ...fact.vague]);
  return [world.systemPrompt, ...known, ...talk];
}

function repeat(items, times) {
  return Array.from({ length: times }, () => items).flat();
}

function share(part, { all }) {
  return `${part}/${all} ${percent(part, { all })}`.padStart(14);
}

function percent(part, { all }) {
  return `${((100 * part) / all).toFixed(0)} %`.padStart(5);
}

function asset(name) {
  return fileURLToPath(new URL(`../../assets/tiny/${name}`, import.meta.url));
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
