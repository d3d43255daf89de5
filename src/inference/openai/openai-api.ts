import { InferenceUnavailableError } from "#core/errors.ts";
import { HostOutageError, HostRefusalError } from "../host-pool.ts";

export interface ApiOptions {
  /** Of the API, without a slash at its end: ".../v1". */
  readonly url: string;
  /** Sent with every call, written nowhere. */
  readonly key?: string;
}

const REFUSES_KEY = new Set([401, 403]);

/** The server answered, and said no. Its words may quote the prompt, so that they are not kept. */
export class ApiRefusalError extends HostRefusalError {
  readonly status: number;

  constructor(status: number, path: string) {
    super(`it ${REFUSES_KEY.has(status) ? "refuses the key" : `refuses ${path}`} (HTTP ${status})`);
    this.status = status;
  }
}

/** Busy, or broken: the same question may be answered elsewhere or a moment later. */
const PASSING = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

/** Rejects with HostOutageError, ApiRefusalError, and the signal's reason. */
export async function callApi(
  { url, key }: ApiOptions,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      redirect: "error",
      signal,
    });
  } catch (cause) {
    throw outageOf(cause, signal);
  }
  if (response.ok) return response;
  await response.body?.cancel();
  const refusal = new ApiRefusalError(response.status, path);
  throw PASSING.has(response.status) ? new HostOutageError("The host is busy or broken", { cause: refusal }) : refusal;
}

/** What a fault of the connection or of the stream means. A call that was given up is no outage. */
export function outageOf(cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof ApiRefusalError || cause instanceof HostOutageError) return cause;
  return new HostOutageError("Cannot reach the host", { cause });
}

export function unavailable(cause: unknown): InferenceUnavailableError {
  return new InferenceUnavailableError(
    "OpenAI-compatible",
    { cause },
    cause instanceof HostRefusalError ? cause.message : undefined,
  );
}
