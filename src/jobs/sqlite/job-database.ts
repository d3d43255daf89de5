/** What the queue needs of the store's database; its table `job` is made by the store's migrations. */
export interface JobDatabase {
  prepare<Row = never>(sql: string): JobStatement<Row>;
  /** All of it or nothing, one writer at a time over all processes. */
  write<T>(change: () => T): T;
}

export interface JobStatement<Row> {
  get(params?: JobParams): Row | undefined;
  all(params?: JobParams): readonly Row[];
  /** Returns how many rows changed. */
  run(params?: JobParams): number;
}

export type JobParams = Readonly<Record<string, string | number | null>>;
