// `npm run bench`: builds the program if its source has changed, then measures it. `npm run bench -- --only cache --json`.
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { requireNode } from "./setup/require-node.mjs";

requireNode();
const only = process.argv.indexOf("--only");
const outside = ["platform", "fleet", "redis"].find((name) => process.argv[only + 1] === name);
if (outside !== undefined) {
  // Their peers live under test/, so they are no part of the program.
  process.argv.splice(only, 2);
  await import(`./bench-${outside}.mjs`);
} else if (process.argv[only + 1] === "million") {
  // The program asks its own store; its process is then watched beside a peer that lives under test/.
  process.argv.splice(only, 2);
  await import("./bench-million.mjs");
} else {
  const { dist } = await import("./setup/paths.mjs");
  const { isChatPrepared, prepareChat } = await import("./setup/prepare-chat.mjs");
  const { createProgress } = await import("./setup/progress.mjs");
  if (!isChatPrepared()) await prepareChat(createProgress());
  const main = join(dist, "main.js");
  process.argv = [process.argv[0], main, "bench", ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
}
