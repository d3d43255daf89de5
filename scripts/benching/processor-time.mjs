import { readdirSync, readFileSync } from "node:fs";

/** Of /proc's clock, on every Linux that Node runs on. */
const TICK_MS = 10;

export function processorMsOf(pid) {
  return ticksOf(`/proc/${pid}/stat`) * TICK_MS;
}

/** Where JavaScript runs; compiling and collecting have threads beside it. */
export function mainThreadMsOf(pid) {
  return ticksOf(`/proc/${pid}/task/${pid}/stat`) * TICK_MS;
}

export function withChildren(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withChildren)];
}

export function memoryOf(pid) {
  const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes ?? 0) * 1024;
}

/** What stands after the name, which may hold spaces. */
function ticksOf(path) {
  const text = readFileSync(path, "utf8");
  const [user, system] = text
    .slice(text.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13)
    .map(Number);
  return user + system;
}
