import { describeError, OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { AdapterHost } from "#inference/adapter-host.ts";
import type { LearningStore } from "#store/learning-store.ts";

/**
 * Forgetting reaches other machines: withdrawn adapters lose their copies there. For the start, and after every withdrawal; a host that
 * did not answer is cleaned by the next call. Copies that this store does not know belong to somebody else. Returns what was removed.
 */
export async function removeRetiredFromHosts(
  learning: LearningStore,
  host: AdapterHost,
  log: Log,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const hosted = new Set(await host.listHosted());
  const retired = (await learning.listAdapters()).filter(({ state }) => state === "retired");
  for (const { digest } of retired.filter((adapter) => hosted.has(adapter.digest))) {
    try {
      await host.removeHosted(digest);
      removed.push(digest);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      log.warn({ adapter: digest, reason: describeError(error) }, "adapter.not-removed-from-host");
    }
  }
  return removed;
}
