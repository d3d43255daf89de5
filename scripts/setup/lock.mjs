import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const BEAT_MS = 5000;
/** A holder that has not beaten for this long is dead, also where its process cannot be looked up (another container). */
const STALE_AFTER_MS = 60_000;
const POLL_MS = 500;
const WAIT_MAX_MS = 45 * 60_000;

/**
 * Waits until no other set-up holds `path`, takes it and resolves with the function that gives it back.
 * `onWait` gets the holder's process id once. Rejects after `waitMaxMs`, usually 45 minutes.
 * @param {string} path
 * @param {{ onWait?: (pid: number | undefined) => void, waitMaxMs?: number }} [options]
 */
export async function acquireLock(path, { onWait, waitMaxMs = WAIT_MAX_MS } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  const own = JSON.stringify({ pid: process.pid, host: hostname(), startedAtMs: Date.now() });
  const deadlineMs = Date.now() + waitMaxMs;
  let hasTold = false;
  while (!tryCreate(path, own)) {
    if (removeIfStale(path)) continue;
    if (!hasTold) onWait?.(readHolder(path)?.pid);
    hasTold = true;
    if (Date.now() > deadlineMs)
      throw new Error(`Cannot start set-up: another one holds ${path} since long; delete that file`);
    await sleep(POLL_MS);
  }
  const beat = setInterval(() => beatOnce(path), BEAT_MS);
  beat.unref();
  const release = () => {
    clearInterval(beat);
    process.off("exit", release);
    if (readText(path) === own) rmSync(path, { force: true });
  };
  process.once("exit", release);
  return release;
}

function tryCreate(path, text) {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

/** True when the lock was stale and is gone. Renaming first lets only one of several waiters remove it. */
function removeIfStale(path) {
  const seen = readText(path);
  if (seen === undefined) return true;
  if (!isStale(path)) return false;
  const aside = `${path}.stale-${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return true;
  }
  // Somebody may have taken the lock between the look and the rename: give it back.
  if (readText(aside) === seen) rmSync(aside, { force: true });
  else renameSync(aside, path);
  return true;
}

function isStale(path) {
  const holder = readHolder(path);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (Date.now() - stat.mtimeMs > STALE_AFTER_MS) return true;
  return holder?.host === hostname() && !isAlive(holder.pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function beatOnce(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // Removed by hand: the next set-up may start, and ours goes on.
  }
}
