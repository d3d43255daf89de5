/** What a program part may log through; pino fulfils it. Names are constants (`turn.answered`), values are fields with units. */
export interface Log {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}
