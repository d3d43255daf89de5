import { readdir, readFile } from "node:fs/promises";

/**
 * Memory of a process and of all that it started, in bytes; pages that several of them share count once. NaN where the system
 * does not tell (it is read from /proc).
 */
export async function readTreeBytes(rootPid: number): Promise<number> {
  try {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
    const parents = new Map(await Promise.all(pids.map(async (pid) => [pid, await readParent(pid)] as const)));
    const isInTree = (pid: number | undefined): boolean =>
      pid !== undefined && pid > 0 && (pid === rootPid || isInTree(parents.get(pid)));
    const sizes = await Promise.all(pids.filter(isInTree).map(readBytes));
    return sizes.reduce((sum, bytes) => sum + bytes, 0);
  } catch {
    return Number.NaN;
  }
}

async function readParent(pid: number): Promise<number | undefined> {
  try {
    return Number((await readFile(`/proc/${pid}/status`, "utf8")).match(/^PPid:\s*(\d+)/m)?.[1]);
  } catch {
    return undefined; // it has ended meanwhile
  }
}

async function readBytes(pid: number): Promise<number> {
  try {
    return Number((await readFile(`/proc/${pid}/smaps_rollup`, "utf8")).match(/^Pss:\s*(\d+) kB/m)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
