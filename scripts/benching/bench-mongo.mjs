import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import mongoose from "mongoose";
import { findMongoPeer } from "../testing/peers.mjs";
import { startLocalServer } from "./local-server.mjs";
import { processorMsOf } from "./processor-time.mjs";

/** What each message adds to. */
const GROWING = ["turn", "inbox_event", "delivery"];
const BELONGINGS = [
  "workspace",
  "channel",
  "conversation",
  "audience",
  "platform",
  "turn",
  "message",
  "messages",
  "user",
  "asker",
];
const FILLED_AT_ONCE = 100;

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
      /** So that no database is dearer to search than another: copies that nothing finds fill up the smaller ones. */
      evenOut: () => evenOut(own),
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

async function evenOut(uris) {
  for (const name of GROWING) {
    const counts = [];
    for (const uri of uris) {
      counts.push(await withConnection(uri, (connection) => connection.collection(name).countDocuments()));
    }
    for (const [at, uri] of uris.entries()) {
      await withConnection(uri, (connection) => fillUp(connection.collection(name), Math.max(...counts) - counts[at]));
    }
  }
}

/** What says where a record belongs says something else in its copy. */
async function fillUp(collection, missing) {
  const samples = missing > 0 ? await collection.find({}).limit(FILLED_AT_ONCE).toArray() : [];
  if (samples.length === 0) return;
  for (let filled = 0; filled < missing; filled += FILLED_AT_ONCE) {
    const copies = Array.from({ length: Math.min(FILLED_AT_ONCE, missing - filled) }, (_, index) => {
      const sample = samples[index % samples.length];
      const moved = BELONGINGS.filter((field) => field in sample).map((field) => [field, "copy"]);
      const id = `copy ${filled + index}`;
      return { ...sample, ...Object.fromEntries(moved), _id: id, ...("key" in sample ? { key: id } : {}) };
    });
    await collection.insertMany(copies);
  }
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
