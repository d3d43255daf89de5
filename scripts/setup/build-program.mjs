import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { acquireLock } from "./lock.mjs";
import { assets, dist, inRoot } from "./paths.mjs";
import { runCommand } from "./run-command.mjs";

const pagesConfig = inRoot("src", "dashboard", "pages", "vite.config.ts");

/**
 * Compiles src/ to dist/, and the pages to dist/pages. Into a folder of its own, then swapped: a killed or failed build
 * leaves the old program whole. Rejects with CommandFailedError when the source does not compile.
 */
export async function buildProgram({ onLine } = {}) {
  const release = await acquireLock(join(assets, "build.lock"));
  try {
    await buildAndSwap(onLine);
  } finally {
    release();
  }
}

async function buildAndSwap(onLine) {
  const fresh = join(assets, "dist.next");
  const old = join(assets, "dist.old");
  for (const directory of [fresh, old]) await rm(directory, { recursive: true, force: true });
  const results = await Promise.allSettled([compileServer(fresh, onLine), buildPages(join(fresh, "pages"), onLine)]);
  for (const { status, reason } of results) if (status === "rejected") throw reason;
  if (existsSync(dist)) await rename(dist, old);
  await rename(fresh, dist);
  await rm(old, { recursive: true, force: true });
}

function compileServer(target, onLine) {
  const compiler = inRoot("node_modules", "typescript", "bin", "tsc");
  return runCommand(process.execPath, [compiler, "-p", inRoot("tsconfig.json"), "--outDir", target], { onLine });
}

async function buildPages(target, onLine) {
  if (!existsSync(pagesConfig)) return;
  const vite = inRoot("node_modules", "vite", "bin", "vite.js");
  const args = [vite, "build", "--config", pagesConfig, "--outDir", target, "--emptyOutDir"];
  await runCommand(process.execPath, args, { onLine });
}
