import { createInterface } from "node:readline";
import type { Config } from "#config/schema.ts";
import { describeError, isStoreOutage } from "#core/errors.ts";
import { CANCELLED } from "#trainer/end-run.ts";
import { runTraining } from "#trainer/run-training.ts";
import { openLog } from "./open-log.ts";
import { openPatiently } from "./open-patiently.ts";
import { openStores } from "./open-stores.ts";
import { openRunParts } from "./open-training.ts";
import { OUTAGE_EXIT_CODE } from "./run-worker.ts";

/** The program of the process that `runInWorker` starts. Exit code 0: the run's record says how it ended; else it is to be tried again. */
export async function trainingWorker(runId: string): Promise<void> {
  const stop = new AbortController();
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return;
  const config: Config = { ...JSON.parse(first.value), feedback: { emoji: new Map() } };
  void listen(lines, stop);

  const log = await openLog(config.log, "stdout");
  const stores = await openPatiently("the stores", () => openStores(config, log), { log, onWait: () => {} });
  try {
    await runTraining(await openRunParts(config, stores, log), runId, stop.signal);
  } catch (error) {
    if (!isStoreOutage(error)) throw error;
    log.warn({ runId, reason: describeError(error) }, "run.interrupted");
    process.exitCode = OUTAGE_EXIT_CODE;
  } finally {
    await stores.close();
    process.stdin.destroy();
  }
}

/** Chat's process is gone when the input ends: nobody would hear of the result, and the next start resumes the run. */
async function listen(lines: AsyncIterator<string>, stop: AbortController): Promise<void> {
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    if (line.value === "cancel") stop.abort(CANCELLED);
  }
  stop.abort(new Error("Cannot go on with the run: the program that started it is gone"));
}
