import { type Connection, type ConnectOptions, createConnection } from "mongoose";
import { ConfigInvalidError, StoreUnreachableError } from "#core/errors.ts";
import { findAgain } from "./find-again.ts";
import { calmPools, mendDriver } from "./mend-driver.ts";

const DEFAULT_DATABASE = "reactune";

/** A write is told of when most members have it on disk: what was acknowledged outlives any one of them. */
const ALWAYS: ConnectOptions = {
  writeConcern: { w: "majority", journal: true },
  autoIndex: false,
  autoCreate: false,
  bufferCommands: false,
};

/** Unless the address says otherwise. */
const USUAL: ConnectOptions = {
  // Another member takes over within this time, or the request fails and the event is answered later.
  serverSelectionTimeoutMS: 10_000,
  // How soon a server that comes back is seen: looks, and looks while somebody waits.
  heartbeatFrequencyMS: 1000,
  minHeartbeatFrequencyMS: 250,
  // Of a new connection and of each heartbeat: a server that falls silent is given up, with all that waits for it.
  connectTimeoutMS: 3000,
};

/**
 * Rejects with StoreUnreachableError, which names the hosts and never the address: it may hold a password; with ConfigInvalidError when
 * no server could be reached by such an address.
 */
export async function connect(uri: string): Promise<Connection> {
  mendDriver();
  calmPools();
  const connection = createConnection();
  try {
    await connection.openUri(uri, optionsFor(uri));
    findAgain(connection, uri);
    return connection;
  } catch (cause) {
    await connection.close().catch(() => undefined);
    throw isMalformed(cause) ? malformed(uri, cause) : unreachable(uri, cause);
  }
}

/** The driver's names of what it finds before it asks anybody. */
const MALFORMED = new Set([
  "MongoParseError",
  "MongoInvalidArgumentError",
  "MongoAPIError",
  "MongoMissingCredentialsError",
]);

function isMalformed(cause: unknown): boolean {
  return cause instanceof Error && (MALFORMED.has(cause.name) || /^Unable to parse .* with URL/u.test(cause.message));
}

function malformed(uri: string, cause: unknown): ConfigInvalidError {
  const { message } = withoutAddress(cause, uri);
  return new ConfigInvalidError([
    `MONGODB_URI is not understood (${message}); write it as mongodb://user:password@host:27017/reactune, with signs such as @ and / in the password as %40 and %2F`,
  ]);
}

function unreachable(uri: string, cause: unknown): StoreUnreachableError {
  return new StoreUnreachableError(hostsOf(uri), { cause: withoutAddress(cause, uri) });
}

function optionsFor(uri: string): ConnectOptions {
  const said = new Set(Array.from(uri.matchAll(/[?&](\w+)=/gu), ([, name = ""]) => name.toLowerCase()));
  const usual = Object.fromEntries(Object.entries(USUAL).filter(([name]) => !said.has(name.toLowerCase())));
  return { ...ALWAYS, ...usual, ...(namesDatabase(uri) ? {} : { dbName: DEFAULT_DATABASE }) };
}

function namesDatabase(uri: string): boolean {
  return /^mongodb(?:\+srv)?:\/\/[^/?]+\/[^?]/u.test(uri);
}

/** Up to the last @ before the path all is credentials. `?` where it is no address. */
export function hostsOf(uri: string): string {
  if (!/^mongodb(?:\+srv)?:\/\//u.test(uri)) return "?";
  const [authority = ""] = uri.replace(/^mongodb(?:\+srv)?:\/\//u, "").split(/[/?]/u);
  return authority.slice(authority.lastIndexOf("@") + 1);
}

/** The driver's errors carry its options, credentials among them: only the words are kept. */
function withoutAddress(cause: unknown, uri: string): Error {
  const { name = "Error", message = "" } = cause instanceof Error ? cause : {};
  const credentials = uri.slice(0, Math.max(0, uri.lastIndexOf("@"))).replace(/^mongodb(?:\+srv)?:\/\//u, "");
  const secrets = [uri, credentials, ...credentials.split(":")].filter((secret) => secret !== "");
  const words = secrets.reduce((text, secret) => text.replaceAll(secret, "[secret]"), message);
  return new Error(`${name}: ${words}`);
}
