import { hash, randomUUID } from "node:crypto";
import { hostname } from "node:os";

/** Hex SHA-256. */
export function sha256(text: string): string {
  return hash("sha256", text, "hex");
}

/** Sortable by time to the millisecond, then random. */
export function newId(): string {
  // Node draws bytes for 128 of these at once.
  const random = randomUUID().slice(-17).replace("-", "");
  return `${Date.now().toString(36).padStart(9, "0")}${random}`;
}

/** One id per event, so that answering an event twice writes one turn. */
export function turnIdOf(eventId: string): string {
  return `turn-${sha256(eventId).slice(0, 24)}`;
}

/** Names this process among those that share the stores. */
export const processName = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
