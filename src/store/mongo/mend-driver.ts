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
  const prototype = findPrototype<DriverConnection>("connection", "Connection", "writeCommand");
  if (prototype === undefined || mended.has(prototype)) return;
  mended.add(prototype);
  const { writeCommand } = prototype;
  prototype.writeCommand = async function (this: DriverConnection, ...args) {
    const { socket } = this;
    if (this.id === MONITOR && !looks.has(this)) {
      looks.add(this);
      socket.once("close", () => looks.delete(this));
    }
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

/**
 * Ends the look at a server that is under way and not answered, as when packets are swallowed; the next one begins at once. By itself the
 * driver waits out `connectTimeoutMS`, and knows no shorter time for a look than for a connection of people's requests.
 */
export function abandonLook(client: object, address: string): void {
  const server = (client as DriverClient).topology?.s?.servers?.get(address);
  const token = server?.monitor?.cancellationToken;
  if (token === undefined) return;
  token.emit("cancel"); // a socket that is being opened
  for (const look of looks) {
    const isAnswered = (look.hello ?? undefined) !== undefined;
    if (!isAnswered && look.authContext?.options.cancellationToken === token) look.destroy();
  }
  setTimeout(() => server?.requestCheck?.()).unref();
}

/**
 * Each pool looks ten times a second for connections to drop or to make ready: half of what an idle process costs (5 ms of processor time a
 * second with it, 3 without). The driver knows no setting for it. Where no connection is to be kept ready there is nothing to make: looking now and then is enough.
 */
export function calmPools(): void {
  const prototype = findPrototype<DriverPool>("connection_pool", "ConnectionPool", "ensureMinPoolSize");
  if (prototype === undefined || mended.has(prototype)) return;
  mended.add(prototype);
  const { ensureMinPoolSize } = prototype;
  prototype.ensureMinPoolSize = function (this: DriverPool) {
    ensureMinPoolSize.call(this);
    if (this.options.minPoolSize !== 0 || this.minPoolSizeTimer === undefined) return;
    clearTimeout(this.minPoolSizeTimer);
    this.minPoolSizeTimer = setTimeout(() => this.ensureMinPoolSize(), POOL_LOOK_MS);
  };
}

const POOL_LOOK_MS = 2000;

/** How the driver names connections that look at a server. */
const MONITOR = "<monitor>";
const looks = new Set<DriverConnection>();

interface DriverConnection {
  readonly id: number | string;
  /** What the server has said of itself. */
  readonly hello?: object | null;
  readonly authContext?: { readonly options: { readonly cancellationToken?: object } };
  readonly socket: Socket;
  destroy(): void;
  writeCommand(...args: unknown[]): Promise<void>;
}

interface DriverClient {
  readonly topology?: { readonly s?: { readonly servers?: ReadonlyMap<string, Partial<DriverServer>> } };
}

interface DriverServer {
  readonly monitor: { readonly cancellationToken?: { emit(event: "cancel"): boolean } };
  requestCheck(): void;
}

interface DriverPool {
  readonly options: { readonly minPoolSize: number };
  minPoolSizeTimer: NodeJS.Timeout | undefined;
  ensureMinPoolSize(): void;
}

const mended = new WeakSet<object>();

/** Of the very driver that mongoose uses. */
function findPrototype<T extends object>(file: string, name: string, method: keyof T): T | undefined {
  const requireHere = createRequire(import.meta.url);
  try {
    const module = createRequire(requireHere.resolve("mongoose"))(`mongodb/lib/cmap/${file}.js`);
    const prototype: Partial<T> | undefined = module[name]?.prototype;
    return typeof prototype?.[method] === "function" ? (prototype as T) : undefined;
  } catch {
    return undefined; // moved in a later version
  }
}
