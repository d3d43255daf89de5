import mongoose, { type Connection } from "mongoose";
import { StoreUnreachableError } from "#core/errors.ts";

const {
  MongoBulkWriteError,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} = mongoose.mongo;
const OUTAGES = [MongoNetworkError, MongoNotConnectedError, MongoServerSelectionError, MongoTopologyClosedError];

/**
 * The port with its methods rejecting with StoreUnreachableError while no server answers: an outage is expected, and whoever asks again
 * later gets an answer. The driver's own words are left out: its errors carry its options, credentials among them.
 */
export function tellOutages<Port extends object>(connection: Connection, port: Port): Port {
  const methods = Object.entries(port).map(([name, method]) => [
    name,
    typeof method === "function" ? telling(connection, method as Method) : method,
  ]);
  return Object.fromEntries(methods) as Port;
}

type Method = (...args: readonly unknown[]) => unknown;

function telling(connection: Connection, method: Method): Method {
  return (...args) => {
    const result = method(...args);
    return result instanceof Promise ? result.catch((error: unknown) => rethrow(connection, error)) : result;
  };
}

function rethrow(connection: Connection, error: unknown): never {
  throw toldOutage(connection, error);
}

/** The error itself where it is none of an outage. */
export function toldOutage(connection: Connection, error: unknown): unknown {
  if (!isOutage(error)) return error;
  return new StoreUnreachableError(hostsOf(connection), { cause: new Error((error as Error).name) });
}

/** A member that steps down, or is shut down, marks its errors so. */
function isOutage(thrown: unknown): boolean {
  // Of many writes the driver tells in an error of its own, around what happened.
  const error: unknown = thrown instanceof MongoBulkWriteError ? thrown.errorResponse : thrown;
  if (OUTAGES.some((kind) => error instanceof kind)) return true;
  return error instanceof MongoError && error.hasErrorLabel("RetryableWriteError");
}

export function hostsOf(connection: Connection): string {
  return connection.getClient().options.hosts.join(",");
}
