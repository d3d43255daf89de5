import type { BenchRow } from "#commands/bench-figures.ts";
import type { Output } from "#commands/output.ts";
import { openBenchFixture } from "./bench-fixture.ts";
import type { BenchWorld } from "./bench-parts.ts";

const SCORES_RATIO = 0.1;

/** A store of a large community: what every query, a data set and the process take. */
export async function millionRows(world: BenchWorld, turns: number, output: Output): Promise<readonly BenchRow[]> {
  const size = { turns, scores: Math.round(turns * SCORES_RATIO) };
  const fixture = await openBenchFixture(world.config, size, world.log, output);
  return [
    {
      bench: "million",
      measured: `import of ${fixture.records.toLocaleString("en")} records`,
      value: fixture.importMs,
      unit: "ms",
      note: `${turns.toLocaleString("en")} turns, ${size.scores.toLocaleString("en")} scores; kept in ${fixture.directory}`,
    },
  ];
}
