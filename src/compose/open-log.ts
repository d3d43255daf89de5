import type { Config } from "#config/schema.ts";
import type { Log } from "#core/log.ts";

/**
 * JSON lines in production, coloured lines on a terminal. Commands that print to standard output log to standard error.
 * Nothing secret is ever passed to a log; as a second net, fields of these names are blanked.
 */
export async function openLog(config: Config["log"], destination: "stdout" | "stderr"): Promise<Log> {
  const { pino } = await import("pino");
  const stream = destination === "stdout" ? process.stdout : process.stderr;
  const isPretty = config.format === "pretty" || (config.format === "auto" && stream.isTTY === true);
  const options = {
    level: config.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: ["token", "credential", "credentials", "authorization", "cookie", "*.token", "*.credential"],
      remove: true,
    },
    serializers: { err: pino.stdSerializers.errWithCause },
  };
  if (!isPretty) {
    const log: Log = pino(options, pino.destination({ dest: destination === "stdout" ? 1 : 2, sync: true }));
    return log;
  }
  const { default: pretty } = await import("pino-pretty");
  const lines = pretty({
    colorize: stream.isTTY === true,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pid,hostname",
    destination: stream.fd,
    sync: true,
  });
  const log: Log = pino(options, lines);
  return log;
}
