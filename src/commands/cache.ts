import { table } from "table";
import type { SemanticCache } from "#store/semantic-cache.ts";
import { describeBytes, type Output, printJson } from "./output.ts";

/** `reactune cache stats` */
export async function showCacheStats(
  cache: SemanticCache,
  options: { readonly isJson: boolean },
  output: Output,
): Promise<void> {
  const stats = await cache.stats();
  const asked = stats.exactHits + stats.nearHits + stats.misses;
  const hitRatio = asked === 0 ? 0 : (stats.exactHits + stats.nearHits) / asked;
  if (options.isJson) {
    printJson(output, { ...stats, hitRatio });
    return;
  }
  output.print(`${stats.entries} stored replies, ${describeBytes(stats.bytes)}`);
  output.print(
    `${asked} look-ups: ${stats.exactHits} exact, ${stats.nearHits} near, ${stats.misses} missed (${(hitRatio * 100).toFixed(1)} % hits)`,
  );
  output.print(`${stats.skipped} messages were not looked up (follow-ups, regenerations, long texts)`);
}

/** `reactune cache inspect`: newest first. */
export async function inspectCache(
  cache: SemanticCache,
  options: { readonly isJson: boolean; readonly limit: number; readonly nowMs: number },
  output: Output,
): Promise<void> {
  const entries = await cache.inspect(options.limit);
  if (options.isJson) {
    printJson(
      output,
      entries.map(({ vector: _, ...entry }) => entry),
    );
    return;
  }
  if (entries.length === 0) {
    output.print("The cache is empty.");
    return;
  }
  const rows = entries.map((entry) => [
    entry.domain,
    clip(entry.question),
    clip(entry.reply),
    entry.hits,
    `${Math.max(0, Math.round((entry.expiresAtMs - options.nowMs) / 3_600_000))} h`,
  ]);
  output.print(table([["domain", "question", "reply", "hits", "left"], ...rows]).trimEnd());
}

/** `reactune cache clear` */
export async function clearCache(
  cache: SemanticCache,
  options: { readonly isDryRun: boolean; readonly expiredBeforeMs?: number },
  output: Output,
): Promise<void> {
  if (options.isDryRun) {
    const { entries } = await cache.stats();
    output.print(`Would remove up to ${entries} stored replies; nothing was changed`);
    return;
  }
  const removed = await cache.clear(options.expiredBeforeMs);
  output.print(`Removed ${removed} stored replies`);
}

function clip(text: string): string {
  const letters = Array.from(text.replace(/\s+/gu, " "));
  return letters.length <= 48 ? letters.join("") : `${letters.slice(0, 47).join("")}…`;
}
