import { isChatPrepared, prepareChat } from "../setup/prepare-chat.mjs";
import { isTrainingPrepared, prepareTraining } from "../setup/prepare-training.mjs";
import { explain } from "../setup/problem.mjs";
import { createProgress } from "../setup/progress.mjs";
import {
  environmentPython,
  hasPythonPackages,
  installWithPip,
  preparePip,
  readExtra,
} from "../setup/python-environment.mjs";
import { runCommand } from "../setup/run-command.mjs";
import { findBrowser, listPeers } from "./peers.mjs";
import { runPytest, runVitest } from "./run-tests.mjs";

/** Resolves with the exit code: 0 only if something passed, nothing failed and every required peer was there. */
export async function test(args) {
  if (!(await setUp())) return endWith(0, 1);
  const peers = await listPeers();
  const required = (process.env.REACTUNE_REQUIRE_PEERS ?? "").split(",").filter((name) => name !== "");
  const unmet = required.filter((name) => !peers.some((peer) => peer.name === name && peer.isThere));
  for (const name of unmet)
    console.error(`Required peer is not there: ${name} (${peers.find((p) => p.name === name)?.fix ?? "no such peer"})`);

  // The tests and this list look at the same browser.
  const browser = findBrowser();
  if (browser !== undefined) process.env.CHROMIUM = browser;

  const results = [await runVitest({ args })];
  if (args.length === 0) results.push(await runPytest());
  const skipped = results.flatMap((result) => result.skipped);
  printLeftOut(peers, skipped);
  const missed = required.flatMap((name) => skipped.filter((title) => title.includes(`(needs ${name})`)));
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0) + unmet.length + missed.length;
  return endWith(passed, failed);
}

async function setUp() {
  const progress = createProgress();
  try {
    if (!isChatPrepared()) await prepareChat(progress);
  } catch (error) {
    const { message, hint, tail } = explain(error);
    console.error(`${tail}\nCannot test: ${message}\n${hint}`);
    return false;
  }
  if (!isTrainingPrepared()) await prepareTraining(progress);
  if (hasPythonPackages()) await preparePytest(progress);
  return true;
}

/** The trainer's tests need pytest, which an operator does not. Without it they fail and are counted so. */
async function preparePytest(progress) {
  const has = await runCommand(environmentPython, ["-c", "import pytest"]).then(
    () => true,
    () => false,
  );
  if (has) return;
  const step = progress.start("pytest");
  try {
    await installWithPip(await preparePip(), await readExtra("test"), { step });
    step.done();
  } catch (error) {
    step.fail(explain(error).message);
  }
}

function printLeftOut(peers, skipped) {
  const rest = new Set(skipped);
  const absent = peers.filter(({ isThere }) => !isThere);
  if (absent.length > 0) console.log("\nPeers that were not there, and what was left out without them:");
  for (const { name, fix } of absent) {
    const titles = skipped.filter((title) => title.includes(`(needs ${name})`));
    for (const title of titles) rest.delete(title);
    const pytest = name === "python" ? ", and all tests of the trainer in Python" : "";
    console.log(`  ${name}: ${titles.length === 0 ? "no test" : `${titles.length} tests`}${pytest} (${fix})`);
    for (const title of titles) console.log(`    - ${title}`);
  }
  if (rest.size > 0)
    console.log(`\nSkipped for other reasons:\n${[...rest].map((title) => `    - ${title}`).join("\n")}`);
}

function endWith(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
