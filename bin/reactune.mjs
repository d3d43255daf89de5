#!/usr/bin/env node
// The command `reactune`: standard output belongs to the command alone (`reactune readiness --json`).
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { requireNode } from "../scripts/setup/require-node.mjs";

requireNode();
const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(fileURLToPath(main))) {
  await import(main.href);
} else {
  console.error("Reactune is not set up yet: run `npm start` once in its folder");
  process.exitCode = 1;
}
