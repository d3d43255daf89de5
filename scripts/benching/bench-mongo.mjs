import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import mongoose from "mongoose";
import { findMongoPeer } from "../testing/peers.mjs";
import { startLocalServer } from "./local-server.mjs";
import { processorMsOf } from "./processor-time.mjs";

/**
 * The MongoDB at MONGODB_URI, else NX-27017 in memory: new databases, which go in the end. It tells what it is, and what its process
 * costs where that runs on this machine: a server that cannot keep pace is what a bench would measure.
 */
export async function openBenchMongo(folder) {
  const found = findMongoPeer();
  if (found === undefined) throw new Error("Cannot measure: install NX-27017, or set MONGODB_URI");
  const started = found.uri === undefined ? await startPeer(found.program, folder) : undefined;
  const uri = found.uri ?? `mongodb://127.0.0.1:${started.port}`;
  const own = [];
  try {
    const { process: program = "?", version, pid } = await withConnection(uri, describeServer);
    const isLocal = /^mongodb:\/\/(?:[^@/]*@)?(?:127\.0\.0\.1|localhost)[:/]/u.test(`${uri}/`);
    // In a container it counts its processes by itself.
    const isHere = isLocal && pid !== undefined && existsSync(`/proc/${pid}/stat`);
    return {
      name: `${program}, MongoDB ${version}`,
      processorMs: () => (isHere ? processorMsOf(Number(pid)) : Number.NaN),
      /** The address of a database of this bench's own. */
      newDatabase(name) {
        own.push(withDatabase(uri, `reactune-bench-${name}-${randomUUID().slice(0, 8)}`));
        return own.at(-1);
      },
      async close() {
        if (started !== undefined) return started.stop();
        for (const one of own) await withConnection(one, (connection) => connection.dropDatabase());
      },
    };
  } catch (error) {
    started?.stop();
    throw error;
  }
}

function startPeer(program, folder) {
  const files = [
    "--data-dir",
    "memory",
    "--log-file",
    join(folder, "mongo.log"),
    "--pid-file",
    join(folder, "mongo.pid"),
  ];
  return startLocalServer(program, (port) => ["--host", "127.0.0.1", "--port", `${port}`, ...files]);
}

/** Whoever may not ask for the status may ask for the version. */
async function describeServer({ db }) {
  const admin = db.admin();
  return await admin.serverStatus().catch(() => admin.buildInfo());
}

async function withConnection(uri, act) {
  const connection = mongoose.createConnection();
  try {
    await connection.openUri(uri, { serverSelectionTimeoutMS: 5000, autoIndex: false });
    return await act(connection);
  } finally {
    await connection.close();
  }
}

function withDatabase(uri, name) {
  const [, host, query = ""] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)[^?]*(\?.*)?$/u.exec(uri) ?? [];
  if (host === undefined) throw new Error("Cannot measure: MONGODB_URI is no address of MongoDB");
  return `${host}/${name}${query}`;
}
