import { createHash, randomBytes } from "node:crypto";
import { hostname } from "node:os";

/** Hex SHA-256. */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Sortable by time to the millisecond, then random. */
export function newId(): string {
  return `${Date.now().toString(36).padStart(9, "0")}${randomBytes(8).toString("hex")}`;
}

/** One id per event, so that answering an event twice writes one turn. */
export function turnIdOf(eventId: string): string {
  return `turn-${sha256(eventId).slice(0, 24)}`;
}

/** Names this process among those that share the stores. */
export const processName = `${hostname()}:${process.pid}:${randomBytes(4).toString("hex")}`;
