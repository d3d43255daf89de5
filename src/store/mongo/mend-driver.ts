import { createRequire } from "node:module";
import type { Socket } from "node:net";
import mongoose from "mongoose";

/**
 * The driver (mongodb 7.8.0) writes a command and, where the socket takes no more, waits for its "drain". A socket that is just being
 * closed takes no more and never drains, so the command waits for ever. Where it is the heartbeat, the process never finds its server
 * again: two cuts in a row did that to six connections of six. Here closing ends the wait. A driver that is built otherwise is left alone;
 * the test tells whether it needs this.
 */
export function mendDriver(): void {
  const prototype = findPrototype();
  if (prototype === undefined || mended.has(prototype)) return;
  mended.add(prototype);
  const { writeCommand } = prototype;
  prototype.writeCommand = async function (this: DriverConnection, ...args) {
    const { socket } = this;
    let onClose = () => {};
    const closed = new Promise<never>((_, reject) => {
      onClose = () =>
        reject(new mongoose.mongo.MongoNetworkError("The connection was closed before the command was written"));
      socket.once("close", onClose);
    });
    try {
      await Promise.race([writeCommand.apply(this, [...args]), closed]);
    } finally {
      socket.off("close", onClose);
    }
  };
}

interface DriverConnection {
  readonly socket: Socket;
  writeCommand(...args: unknown[]): Promise<void>;
}

const mended = new WeakSet<DriverConnection>();
const CONNECTION_MODULE = "mongodb/lib/cmap/connection.js";

/** Of the very driver that mongoose uses. */
function findPrototype(): DriverConnection | undefined {
  const requireHere = createRequire(import.meta.url);
  try {
    const module = createRequire(requireHere.resolve("mongoose"))(CONNECTION_MODULE);
    const prototype: Partial<DriverConnection> | undefined = module.Connection?.prototype;
    return typeof prototype?.writeCommand === "function" ? (prototype as DriverConnection) : undefined;
  } catch {
    return undefined; // moved in a later version
  }
}
