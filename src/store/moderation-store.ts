import type { Report } from "#core/report.ts";

/** Port: replies that people reported. */
export interface ModerationStore {
  /** Replaces the same person's report of the same reply; without its reason when the reply or the person was erased meanwhile. */
  saveReport(report: Report): Promise<void>;
  /** Open ones only unless `isClosed` is given. Newest first. */
  listReports(query: ReportQuery): Promise<readonly Report[]>;
}

export interface ReportQuery {
  readonly workspaceId: string;
  readonly isClosed?: boolean;
  readonly limit: number;
}
