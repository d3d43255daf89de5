import { existsSync } from "node:fs";
import { cp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { dist, inRoot } from "./paths.mjs";
import { runCommand } from "./run-command.mjs";

const pagesConfig = inRoot("src", "dashboard", "pages", "vite.config.ts");

/** Compiles src/ to dist/, and the pages to dist/pages. Rejects with CommandFailedError when the source does not compile. */
export async function buildProgram({ onLine } = {}) {
  await compileServer(onLine);
  if (existsSync(pagesConfig)) await buildPages(onLine);
}

/** Into a folder of its own, then swapped: a killed or failed build leaves the old program whole. */
async function compileServer(onLine) {
  const fresh = inRoot(".assets", "dist.next");
  const old = inRoot(".assets", "dist.old");
  await rm(fresh, { recursive: true, force: true });
  await rm(old, { recursive: true, force: true });
  const compiler = inRoot("node_modules", "typescript", "bin", "tsc");
  await runCommand(process.execPath, [compiler, "-p", inRoot("tsconfig.json"), "--outDir", fresh], { onLine });
  if (existsSync(join(dist, "pages"))) await cp(join(dist, "pages"), join(fresh, "pages"), { recursive: true });
  if (existsSync(dist)) await rename(dist, old);
  await rename(fresh, dist);
  await rm(old, { recursive: true, force: true });
}

function buildPages(onLine) {
  const vite = inRoot("node_modules", "vite", "bin", "vite.js");
  return runCommand(process.execPath, [vite, "build", "--config", pagesConfig], { onLine });
}
