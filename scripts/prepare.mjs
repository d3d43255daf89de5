// Sets everything up and starts nothing: for images and for machines that will be without a network.
import { requireNode } from "./setup/require-node.mjs";

requireNode();
const { prepareChat } = await import("./setup/prepare-chat.mjs");
const { prepareTraining } = await import("./setup/prepare-training.mjs");
const { explain } = await import("./setup/problem.mjs");
const { createProgress } = await import("./setup/progress.mjs");

const progress = createProgress();
try {
  await prepareChat(progress);
  if ((await prepareTraining(progress)) === false) process.exitCode = 1;
} catch (error) {
  const { message, hint, tail } = explain(error);
  console.error(`${tail}\nCannot set up: ${message}\n${hint}`);
  process.exitCode = 1;
}
