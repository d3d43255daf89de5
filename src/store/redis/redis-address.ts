import { ConfigInvalidError } from "#core/errors.ts";

export interface RedisAddress {
  readonly hosts: readonly RedisHost[];
  readonly isEncrypted: boolean;
  /** Several hosts, or `?cluster=true` behind one name. */
  readonly isCluster: boolean;
  readonly login: { readonly username?: string; readonly password?: string; readonly db?: number };
}

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

const PORT = 6379;
const SHAPE =
  /^(?<scheme>rediss?):\/\/(?:(?<login>[^@/]*)@)?(?<hosts>[^/?#]+)(?:\/(?<db>\d*))?(?:\?(?<query>[^#]*))?$/u;

/**
 * `redis[s]://[user:password@]host[:port][,host[:port]...][/database][?cluster=true]`. Throws ConfigInvalidError when it has
 * another shape; the message never quotes the address, which may hold a password.
 */
export function parseRedisAddress(url: string): RedisAddress {
  const { scheme, login = "", hosts = "", db = "", query = "" } = SHAPE.exec(url)?.groups ?? {};
  if (scheme === undefined) throw new ConfigInvalidError(["REDIS_URL is not redis://host:port"]);
  // The rest of a password would be looked up as the name of a host, and stand in the log.
  if (hosts.includes("@")) throw new ConfigInvalidError(["REDIS_URL has more than one @: write %40 in a password"]);
  const [username = "", ...password] = login.split(":");
  const list = hosts.split(",").map(parseHost);
  return {
    hosts: list,
    isEncrypted: scheme === "rediss",
    isCluster: list.length > 1 || new URLSearchParams(query).get("cluster") === "true",
    login: {
      ...(username === "" ? {} : { username: decode(username) }),
      ...(password.length === 0 ? {} : { password: decode(password.join(":")) }),
      ...(db === "" ? {} : { db: Number(db) }),
    },
  };
}

/** For a log: hosts and ports only. */
export function describeRedisHosts({ hosts }: RedisAddress): string {
  return hosts.map(({ host, port }) => `${host}:${port}`).join(",");
}

function parseHost(text: string): RedisHost {
  const { six, four, port } =
    /^(?:\[(?<six>[^\]]+)\]|(?<four>[^:[\]]+))(?::(?<port>\d{1,5}))?$/u.exec(text)?.groups ?? {};
  const host = six ?? four;
  if (host === undefined) throw new ConfigInvalidError(["a host in REDIS_URL is not a name with a port"]);
  return { host, port: port === undefined ? PORT : Number(port) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a password with a bare percent sign
  }
}
