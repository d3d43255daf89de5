import type { RunFigure } from "#dashboard/api-records.ts";
export async function readRunFigures(_runs: string, _runId: string): Promise<readonly RunFigure[]> {
  return [];
}
