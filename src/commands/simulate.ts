import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import pc from "picocolors";
import { learningCurve } from "#charts/learning-curve.ts";
import { svgToPng } from "#charts/svg-to-png.ts";
import type { DomainOutcome } from "#simulation/simulate.ts";
import { describeDuration, type Output, printJson } from "./output.ts";

/** `reactune simulate`: the learning curve as a picture, and what was learned in words. */
export async function showSimulation(
  outcomes: readonly DomainOutcome[],
  options: { readonly directory: string; readonly isJson: boolean },
  output: Output,
): Promise<void> {
  const svg = learningCurve(outcomes);
  const picture = join(options.directory, "learning-curve");
  await writeFile(`${picture}.svg`, svg);
  await writeFile(`${picture}.png`, await svgToPng(svg));
  if (options.isJson) {
    printJson(output, outcomes);
    return;
  }
  for (const { domain, before, after, run, curve, trainMs, totalMs } of outcomes) {
    output.print(pc.bold(`${domain}: ${run.state}${run.grade === undefined ? "" : `, grade ${run.grade}`}`));
    output.print(`  held-out questions exactly right: ${before.exact} -> ${after.exact} of ${after.questions}`);
    output.print(`  token F1: ${before.tokenF1.toFixed(3)} -> ${after.tokenF1.toFixed(3)}`);
    output.print(`  right replies in chat: ${percentOf(curve, "before")} -> ${percentOf(curve, "after")}`);
    output.print(`  ${describeDuration(trainMs)} of training, ${describeDuration(totalMs)} in all`);
  }
  output.print(`Learning curve: ${picture}.png`);
}

function percentOf(curve: DomainOutcome["curve"], phase: "before" | "after"): string {
  const points = curve.filter((point) => point.phase === phase);
  if (points.length === 0) return "none asked";
  return `${Math.round((points.reduce((sum, { rightRatio }) => sum + rightRatio, 0) / points.length) * 100)} %`;
}
