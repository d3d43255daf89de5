import type { webApi } from "@slack/bolt";
import { LogLevel } from "@slack/bolt";
import type { Log } from "#core/log.ts";

/**
 * The SDK's log. Its lines hold payloads, addresses and pieces of bodies that did not parse, so only what stands before the
 * first of those is passed on: the fixed words of the SDK's own source.
 */
export function sdkLogger(log: Log): webApi.Logger {
  return {
    debug() {},
    info() {},
    warn: (...parts) => log.warn({ said: fixedWords(parts) }, "slack.sdk-warned"),
    error: (...parts) => log.warn({ said: fixedWords(parts) }, "slack.sdk-failed"),
    setLevel() {},
    getLevel: () => LogLevel.WARN,
    setName() {},
  };
}

const CHARS_MAX = 120;

function fixedWords(parts: readonly unknown[]): string {
  const [first] = parts;
  if (first instanceof Error) return "code" in first ? String(first.code) : first.name;
  return String(first)
    .split(/[:("'`{[]/, 1)
    .join("")
    .slice(0, CHARS_MAX)
    .trim();
}
