import mongoose, { type Connection } from "mongoose";
import { abandonLook } from "./mend-driver.ts";

/** How long a look may go without an answer before others begin beside it, and how often these do. */
const BESIDE_MS = 500;
/** Of one that is made beside it; a network that is slower is left to the driver. */
const BESIDE_MAX_MS = 2000;
/** So much slower than a newer one was, the driver's look is taken for lost. */
const SLOWER = 2;

/**
 * While packets are swallowed, each of the driver's looks at a server hangs for `connectTimeoutMS`, which a slow network needs. The server
 * that is back meanwhile is found by looks that are begun beside a hanging one: when a newer one is answered, the older one is
 * abandoned. A server that refuses connections needs none of this.
 */
export function findAgain(connection: Connection, uri: string): void {
  const client = connection.getClient();
  const hanging = new Map<string, { readonly sinceMs: number; readonly timer: NodeJS.Timeout }>();
  let isUp = true;

  async function lookBeside(address: string): Promise<void> {
    const begunAtMs = performance.now();
    if (!(await answers(uri))) return;
    const look = hanging.get(address);
    const tookMs = performance.now() - begunAtMs;
    const isLost = look !== undefined && look.sinceMs < begunAtMs && performance.now() - look.sinceMs > SLOWER * tookMs;
    if (isLost) abandonLook(client, address);
  }

  function end(address: string): void {
    clearInterval(hanging.get(address)?.timer);
    hanging.delete(address);
  }

  client.on("topologyDescriptionChanged", ({ newDescription }) => {
    isUp = [...newDescription.servers.values()].some(({ isWritable }) => isWritable);
  });
  client.on("serverHeartbeatStarted", ({ connectionId }) => {
    end(connectionId);
    if (isUp) return;
    const timer = setInterval(() => void lookBeside(connectionId), BESIDE_MS).unref();
    hanging.set(connectionId, { sinceMs: performance.now(), timer });
  });
  client.on("serverHeartbeatSucceeded", ({ connectionId }) => end(connectionId));
  client.on("serverHeartbeatFailed", ({ connectionId }) => end(connectionId));
  client.on("serverClosed", ({ address }) => end(address));
}

/** Whether a server takes writes there, by a connection of its own. */
async function answers(uri: string): Promise<boolean> {
  const limits = { serverSelectionTimeoutMS: BESIDE_MAX_MS, connectTimeoutMS: BESIDE_MAX_MS, maxPoolSize: 1 };
  const client = new mongoose.mongo.MongoClient(uri, limits);
  try {
    await client.connect();
    return true;
  } catch {
    return false; // as far as is known
  } finally {
    await client.close().catch(() => {});
  }
}
