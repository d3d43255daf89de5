import type { Config } from "#config/schema.ts";
import { OperatingError } from "#core/errors.ts";
import type { Log } from "#core/log.ts";
import type { Dashboard, Listening } from "#dashboard/dashboard.ts";

export class PortTakenError extends OperatingError {
  readonly code = "PORT_TAKEN";
  readonly hint: string;

  /** `place` is "host:port". */
  constructor(
    place: string,
    options?: ErrorOptions,
    hint = "Stop what listens there, or choose another port with --port (0 takes any free one)",
  ) {
    super(`Cannot listen on ${place}: the port is taken`, options);
    this.hint = hint;
  }
}

const PORTS_TRIED_MAX = 20;

/** Listens on the configured port; the next free one is used unless the operator chose the port. Rejects with PortTakenError. */
export async function listenNear(
  dashboard: Dashboard,
  { host, port }: Config["web"],
  isPortGiven: boolean,
  log: Log,
): Promise<Listening> {
  for (let offset = 0; ; offset++) {
    try {
      return await dashboard.listen(host, port === 0 ? 0 : port + offset);
    } catch (cause) {
      if (!isTaken(cause)) throw cause;
      if (isPortGiven || port === 0 || offset + 1 >= PORTS_TRIED_MAX)
        throw new PortTakenError(`${host}:${port + offset}`, { cause });
      log.info({ port: port + offset }, "port.taken");
    }
  }
}

export function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
