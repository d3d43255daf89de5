/** Port: everything in a store as JSON lines, for backups, moves between stores and people's own tools. */
export interface Archive {
  /** One line per record: `{"kind":"turn","version":1,"record":{...}}`; the first line is a header with the format's version. */
  exportLines(): AsyncIterable<string>;
  /** All or nothing. Rejects with ImportInvalidError naming the line. Refuses a store that is not empty unless `replace`. */
  importLines(lines: AsyncIterable<string>, options: { readonly replace: boolean }): Promise<ImportCounts>;
}

export interface ImportCounts {
  readonly records: number;
  readonly byKind: ReadonlyMap<string, number>;
}
