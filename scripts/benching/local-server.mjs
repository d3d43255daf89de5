import { spawn } from "node:child_process";
import { createConnection, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const START_MAX_MS = 20_000;

/** A program that listens at the port that `argsFor(port)` tell it; `stop` ends it. */
export async function startLocalServer(program, argsFor) {
  const port = await freePort();
  const child = spawn(program, argsFor(port), { stdio: "ignore" });
  const stop = () => child.kill("SIGKILL");
  try {
    await waitFor(program, async () => child.exitCode === null && (await accepts(port)), START_MAX_MS);
  } catch (error) {
    stop();
    throw error;
  }
  return { port, stop };
}

export async function waitFor(what, look, maxMs) {
  const untilMs = performance.now() + maxMs;
  while (!(await look())) {
    if (performance.now() > untilMs) throw new Error(`Cannot measure: waited in vain for ${what}`);
    await sleep(50);
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const end = (isThere) => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once("connect", () => end(true)).once("error", () => end(false));
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
