import type { Connection } from "mongoose";
import type { Now } from "#core/clock.ts";
import type { Log } from "#core/log.ts";
import { hostsOf } from "./outages.ts";

export interface OutageWatch {
  /** Undefined while a server takes writes. */
  describeOutage(): string | undefined;
  /** Before the connection is closed: that is no outage. */
  stop(): void;
}

/** Told once per outage, however many requests fail meanwhile: by the driver's own look at the servers, every 2 s. */
export function watchOutages(connection: Connection, now: Now, log?: Log): OutageWatch {
  const hosts = hostsOf(connection);
  let awaySinceMs: number | undefined;
  let isStopped = false;
  connection.getClient().on("topologyDescriptionChanged", ({ newDescription }) => {
    if (isStopped) return;
    const isUp = [...newDescription.servers.values()].some(({ isWritable }) => isWritable);
    if (isUp && awaySinceMs !== undefined) {
      log?.info({ hosts, awayMs: now() - awaySinceMs }, "store.returned");
      awaySinceMs = undefined;
    } else if (!isUp && awaySinceMs === undefined) {
      log?.warn({ hosts }, "store.lost");
      awaySinceMs = now();
    }
  });
  return {
    describeOutage: () =>
      awaySinceMs === undefined
        ? undefined
        : `MongoDB at ${hosts} does not answer: messages are taken in again when it is back`,
    stop() {
      isStopped = true;
    },
  };
}
