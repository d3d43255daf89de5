// Greedy answers of the real engine: node engine.mjs request.json > answers.json
// Request: {model, adapter: path|null, prompts: [[token]], maxTokens}. Reply: {answers: [{tokens, text}], texts of prompts}.
import { readFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const request = JSON.parse(readFileSync(process.argv[2], "utf8"));
const llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.error, build: "never" });
const model = await llama.loadModel({ modelPath: request.model });
const context = await model.createContext({
  contextSize: 1024,
  threads: 1, // more threads wait for each other on a busy machine
  lora: request.adapter ? { adapters: [{ filePath: request.adapter }] } : undefined,
});
const sequence = context.getSequence();
const answers = [];
for (const prompt of request.prompts) {
  await sequence.clearHistory();
  const tokens = [];
  for await (const token of sequence.evaluate(prompt, { temperature: 0 })) {
    if (model.isEogToken(token)) break;
    tokens.push(token);
    if (tokens.length >= request.maxTokens) break;
  }
  answers.push({ tokens, text: model.detokenize(tokens), ended: tokens.length < request.maxTokens });
}
process.stdout.write(JSON.stringify({ answers }));
await llama.dispose();
