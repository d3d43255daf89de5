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

export class ListenRefusedError extends OperatingError {
  readonly code = "LISTEN_REFUSED";
  readonly hint: string;

  /** `place` is "host:port"; `section` the settings that name it, as in "web". */
  constructor(place: string, why: string, section: string, options?: ErrorOptions) {
    super(`Cannot listen on ${place}: ${why}`, options);
    this.hint = `Mend ${section}.host or ${section}.port: 127.0.0.1 and any port above 1023 can always be listened on`;
  }
}

const PORTS_TRIED_MAX = 20;

/** Listens on the configured port; the next free one is used unless the operator chose the port. Rejects with PortTakenError, ListenRefusedError. */
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
      if (!isTaken(cause)) throw refusalOf(cause, { host, port: port + offset, section: "web" });
      if (isPortGiven || port === 0 || offset + 1 >= PORTS_TRIED_MAX)
        throw new PortTakenError(`${host}:${port + offset}`, { cause });
      log.info({ port: port + offset }, "port.taken");
    }
  }
}

export function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

const REFUSALS: ReadonlyMap<unknown, string> = new Map([
  ["EACCES", "this user may not listen there"],
  ["EADDRNOTAVAIL", "this machine has no such address"],
  ["ENOTFOUND", "there is no such name"],
  ["EAI_AGAIN", "the name cannot be looked up"],
  ["EINVAL", "it is no address to listen on"],
]);

/** ListenRefusedError for what the operator can mend, else the error itself. */
export function refusalOf(
  error: unknown,
  at: { readonly host: string; readonly port: number; readonly section: string },
) {
  const why = error instanceof Error && "code" in error ? REFUSALS.get(error.code) : undefined;
  return why === undefined ? error : new ListenRefusedError(`${at.host}:${at.port}`, why, at.section, { cause: error });
}
