import { readFile, statfs } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, freemem } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Config } from "#config/schema.ts";
import { type Finding, failure, formatBytes, ok, warning } from "./doctor-finding.ts";

const NODE_MIN = [20, 19] as const;
const DISK_MIN_BYTES = 200e6;
/** Python packages, a run's files and the adapters. */
const DISK_ROOMY_BYTES = 3e9;
const MEMORY_MIN_BYTES = 500e6;
/** SmolLM2 with its optimiser at batch 2 and 512 tokens, beside a running chat. */
const MEMORY_ROOMY_BYTES = 3e9;

export function checkNode(version = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
  if (isEnough) return ok("Node.js", version);
  return failure("Node.js", `${version} is too old`, `Install Node.js ${NODE_MIN.join(".")} or newer`);
}

const packageSchema = z.object({ version: z.string(), dependencies: z.record(z.string(), z.string()).default({}) });

/** The packages that package.json pins, in the versions that it pins. */
export async function checkNpmPackages(programDirectory: string): Promise<Finding> {
  const name = "npm packages";
  const read = async (path: string) => packageSchema.parse(JSON.parse(await readFile(path, "utf8")));
  const { dependencies } = await read(join(programDirectory, "package.json"));
  const wrong: string[] = [];
  for (const [dependency, wanted] of Object.entries(dependencies)) {
    const path = join(programDirectory, "node_modules", dependency, "package.json");
    const version = await read(path).then(
      (found) => found.version,
      () => "missing",
    );
    if (version !== wanted) wrong.push(`${dependency} is ${version}, not ${wanted}`);
  }
  if (wrong.length === 0) return ok(name, `${Object.keys(dependencies).length} as pinned`);
  return failure(name, wrong.slice(0, 5).join(", "), "Run `npm start`: it installs what package-lock.json names");
}

export async function checkDisk(directory: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(directory));
  const free = bavail * bsize;
  const found = `${formatBytes(free)} free for ${directory}`;
  const fix = `Free space there, or set data.directory to a bigger disk (training wants ${formatBytes(DISK_ROOMY_BYTES)})`;
  if (free < DISK_MIN_BYTES) return failure("Disk", found, fix);
  return free < DISK_ROOMY_BYTES ? warning("Disk", found, fix) : ok("Disk", found);
}

export async function checkMemory(): Promise<Finding> {
  const free = Math.min(await readAvailableMemory(), readMemoryLimit());
  const found = `${formatBytes(free)} free, ${availableParallelism()} processor cores`;
  if (free < MEMORY_MIN_BYTES) return failure("Memory", found, "Close other programs: the default model needs 500 MB");
  if (free >= MEMORY_ROOMY_BYTES) return ok("Memory", found);
  return warning(
    "Memory",
    found,
    "Training may run short: lower trainer.batchExamples or trainer.contextTokens, or close programs",
  );
}

export async function checkPort({ enabled, host, port }: Config["web"], isPortGiven: boolean): Promise<Finding> {
  const name = "Port";
  if (!enabled) return ok(name, "web.enabled is false: none is needed");
  const problem = await tryListening(host, port);
  if (problem === undefined) return ok(name, `${host}:${port} is free`);
  if (problem !== "EADDRINUSE") {
    return failure(
      name,
      `${host}:${port} cannot be used (${problem})`,
      "Set web.host to an address of this machine and web.port above 1023",
    );
  }
  if (await isReactune(host, port)) return ok(name, `Reactune answers on ${host}:${port}`);
  if (!isPortGiven)
    return warning(name, `${host}:${port} is taken: the next free one will be used`, "Set web.port to fix another one");
  return failure(
    name,
    `${host}:${port} is taken`,
    "Stop what listens there, or set web.port to another one (0 takes any)",
  );
}

function tryListening(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

const healthSchema = z.object({ isAlive: z.literal(true) });

async function isReactune(host: string, port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${host}:${port}/healthz`, { signal: AbortSignal.timeout(1000) });
    return healthSchema.safeParse(await response.json()).success;
  } catch {
    return false;
  }
}

/** Linux counts caches that it would give back as used; its own estimate does not. */
async function readAvailableMemory(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}

/** A container's limit; 0 and huge numbers mean none. */
function readMemoryLimit(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

async function nearestExisting(directory: string): Promise<string> {
  for (let path = directory; ; path = dirname(path)) {
    const isThere = await statfs(path).then(
      () => true,
      () => false,
    );
    if (isThere || path === dirname(path)) return path;
  }
}
