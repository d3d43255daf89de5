import { createConnection } from "node:net";
import type { Config } from "#config/schema.ts";
import { type Finding, warning } from "./doctor-finding.ts";

const CONNECT_MAX_MS = 2000;

const servers = [
  { name: "Ollama", key: "ollamaUrl", variable: "OLLAMA_HOST", port: 11_434, role: "Ollama engine" },
  { name: "MongoDB", key: "mongodbUri", variable: "MONGODB_URI", port: 27_017, role: "MongoDB store" },
  { name: "Redis", key: "redisUrl", variable: "REDIS_URL", port: 6379, role: "Redis cache" },
] as const;

/** Servers that are configured: does anything listen there? One that is not configured is not looked for. */
export function checkServers(config: Config["servers"]): Promise<readonly Finding[]> {
  const configured = servers.flatMap((server) => {
    const address = config[server.key];
    return address === undefined ? [] : [{ ...server, address }];
  });
  return Promise.all(
    configured.map(async ({ name, variable, port, role, address }) => {
      // mongodb+srv names are looked up in the DNS by the driver; there is no port to try here.
      if (address.startsWith("mongodb+srv:")) return notYet(name, "configured", role, variable);
      // A replica set lists several hosts, which URL refuses: the first one is tried.
      const [host = "", ownPort] = splitAuthority(address);
      const problem = await tryConnecting(host, ownPort ?? port);
      if (problem === undefined) return notYet(name, `${host}:${ownPort ?? port} answers`, role, variable);
      return warning(name, `${host}:${ownPort ?? port} does not answer (${problem})`, `Start it, or unset ${variable}`);
    }),
  );
}

function notYet(name: string, found: string, role: string, variable: string): Finding {
  return warning(name, `${found}; this version has no ${role} yet`, `Nothing to do; unset ${variable} to silence this`);
}

function splitAuthority(address: string): readonly [string, number | undefined] {
  const authority =
    address
      .replace(/^[^/]*\/\//, "")
      .replace(/[/?].*$/, "")
      .replace(/^.*@/, "")
      .split(",")[0] ?? "";
  const [, host = authority, port] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  return [host.replace(/^\[|\]$/g, ""), port === undefined ? undefined : Number(port)];
}

/** Undefined when the connection stands. */
function tryConnecting(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port, timeout: CONNECT_MAX_MS });
    const end = (problem?: string) => {
      socket.destroy();
      resolve(problem);
    };
    socket.once("connect", () => end());
    socket.once("timeout", () => end(`nothing within ${CONNECT_MAX_MS} ms`));
    socket.once("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}
