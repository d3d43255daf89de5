// `npm run check`: the gate before every commit. Runs every step even if one fails and prints how long each took; a step
// is quiet unless it fails. --fast leaves the tests out.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { inRoot } from "./setup/paths.mjs";
import { runCommand } from "./setup/run-command.mjs";
import { runPytest, runVitest } from "./testing/run-tests.mjs";

const nodeTool = (path, ...args) => runCommand(process.execPath, [inRoot("node_modules", ...path.split("/")), ...args]);

const steps = [
  ["biome", () => nodeTool("@biomejs/biome/bin/biome", "check", "--error-on-warnings")],
  ["types", () => nodeTool("typescript/bin/tsc", "-p", "tsconfig.check.json")],
  ["types of the pages", checkPages],
  ["import rules", checkImports],
  ["unused code", () => nodeTool("knip/bin/knip.js")],
];
const tests = [
  ["vitest", async () => expectNoFailure(await runVitest({ quiet: true }))],
  ["pytest", async () => expectNoFailure(await runPytest({ quiet: true }))],
];

let failures = 0;
for (const [name, work] of process.argv.includes("--fast") ? steps : [...steps, ...tests]) {
  const startedAtMs = Date.now();
  const problem = await work().then(
    () => undefined,
    (error) => error.output || error.message,
  );
  const seconds = ((Date.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${problem === undefined ? "✓" : "✗"} ${name} (${seconds} s)`);
  if (problem === undefined) continue;
  failures += 1;
  console.log(problem);
}
process.exitCode = failures === 0 ? 0 : 1;

async function checkPages() {
  const config = inRoot("src", "dashboard", "pages", "tsconfig.json");
  if (existsSync(config)) await nodeTool("typescript/bin/tsc", "-p", config, "--noEmit");
}

/** With a compiler that dependency-cruiser does not know it sees no module and passes: so the modules are counted. */
async function checkImports() {
  const output = await nodeTool(
    "dependency-cruiser/bin/dependency-cruise.mjs",
    "--config",
    ".dependency-cruiser.mjs",
    "src",
  );
  const seen = Number(/\((\d+) modules/.exec(output)?.[1] ?? 0);
  const files = (await readdir(inRoot("src"), { recursive: true })).filter(
    (name) => /[.]tsx?$/.test(name) && !name.endsWith(".d.ts"),
  );
  if (seen < files.length)
    throw new Error(`dependency-cruiser saw ${seen} modules where src/ has ${files.length} files`);
}

function expectNoFailure({ failed, output }) {
  if (failed > 0) throw new Error(output);
}
