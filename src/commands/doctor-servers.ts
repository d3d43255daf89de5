import { createConnection } from "node:net";
import type { Config } from "#config/schema.ts";
import { describeError } from "#core/errors.ts";
import { type Finding, ok, warning } from "./doctor-finding.ts";

const CONNECT_MAX_MS = 2000;

const servers = [
  { name: "Ollama", key: "ollamaUrl", variable: "OLLAMA_HOST", port: 11_434 },
  { name: "MongoDB", key: "mongodbUri", variable: "MONGODB_URI", port: 27_017 },
  { name: "Redis", key: "redisUrl", variable: "REDIS_URL", port: 6379 },
] as const;

/** Asks a server itself what it is and lacks, by its address. Rejects when it does not let itself be asked. */
export type InspectServer = (address: string) => Promise<ServerInspection>;

export interface ServerInspection {
  readonly found: string;
  readonly problems: readonly { readonly found: string; readonly fix: string }[];
}

/** What is not among them is only looked for. */
export type ServerInspectors = { readonly [Key in (typeof servers)[number]["key"]]?: InspectServer };

/** Servers that are configured: does anything listen there, and is it set up as we need it? Others are not looked for. */
export async function checkServers(
  config: Config["servers"],
  inspectors: ServerInspectors = {},
): Promise<readonly Finding[]> {
  const configured = servers.flatMap((server) => {
    const address = config[server.key];
    return address === undefined ? [] : [{ ...server, address, inspect: inspectors[server.key] }];
  });
  const findings = await Promise.all(
    configured.map(async ({ name, variable, port, address, inspect }) => {
      const ask = (otherwise: string) =>
        inspect === undefined ? ok(name, otherwise) : inspected(name, variable, () => inspect(address));
      // mongodb+srv names are looked up in the DNS by the driver; there is no port to try here.
      if (address.startsWith("mongodb+srv:")) return ask("configured");
      // A replica set lists several hosts, which URL refuses: the first one is tried.
      const [host = "", ownPort] = splitAuthority(address);
      const problem = await tryConnecting(host, ownPort ?? port);
      if (problem === undefined) return ask(`${host}:${ownPort ?? port} answers`);
      return warning(name, `${host}:${ownPort ?? port} does not answer (${problem})`, `Start it, or unset ${variable}`);
    }),
  );
  return findings.flat();
}

async function inspected(
  name: string,
  variable: string,
  inspect: () => Promise<ServerInspection>,
): Promise<Finding | readonly Finding[]> {
  try {
    const { found, problems } = await inspect();
    if (problems.length === 0) return ok(name, found);
    return problems.map((problem) => warning(name, `${found}; ${problem.found}`, problem.fix));
  } catch (error) {
    return warning(name, `it answers, but cannot be used: ${describeError(error)}`, `Mend ${variable}, or unset it`);
  }
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
