import { join } from "node:path";
import type { LearningScope } from "#core/scope.ts";
import { buildDataset, type DatasetParts, type DatasetRequest } from "#trainer/build-dataset.ts";
import { datasetFolderName, writeDataset, writeSummary } from "#trainer/dataset-files.ts";
import { type Output, printJson } from "./output.ts";

/** `reactune train --collect-only`: one folder and one summary per domain, for people to look at. */
export async function collectOnly(
  parts: DatasetParts,
  request: Omit<DatasetRequest, "scope" | "signal"> & { readonly scopes: readonly LearningScope[] },
  options: { readonly directory: string; readonly isJson: boolean; readonly signal: AbortSignal },
  output: Output,
): Promise<void> {
  const { scopes, ...rest } = request;
  const written: object[] = [];
  for (const scope of scopes) {
    const built = await buildDataset(parts, { ...rest, scope, signal: options.signal });
    const name = scopes.length === 1 ? datasetFolderName(built) : `${datasetFolderName(built)}_${scope.domain}`;
    const directory = join(options.directory, name);
    const { sourceTurnIds: _, ...dataset } = await writeDataset(built, directory);
    const summary = await writeSummary(
      built,
      { ...dataset, sourceTurnIds: _ },
      scopes.length === 1 ? options.directory : directory,
    );
    written.push({ domain: scope.domain, directory, summary, ...dataset });
    if (options.isJson) continue;
    output.print(
      `${scope.domain}: ${dataset.train} to train on, ${dataset.valid} held out, ${dataset.negatives} disliked, ${dataset.pairs} pairs`,
    );
    for (const { rows, why } of dataset.dropped) output.print(`   left out ${rows}: ${why}`);
    output.print(`   ${directory}\n   ${summary}`);
  }
  if (options.isJson) printJson(output, written);
}
