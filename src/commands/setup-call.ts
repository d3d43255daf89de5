/** Longest wait for one answer of a platform. */
const CALL_MAX_MS = 8000;
const BODY_CHARS_MAX = 1_000_000;

export type CallResult =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown; readonly headers: Headers }
  /** In words, without the address: "nothing answers (ECONNREFUSED)". */
  | { readonly kind: "unreachable"; readonly why: string };

/** One call of a platform's HTTP API with a credential. Never rejects, and never repeats the credential. */
export async function callPlatform(url: URL, method: "GET" | "POST", authorization: string): Promise<CallResult> {
  try {
    const response = await fetch(url, {
      method,
      headers: { authorization },
      redirect: "error", // a credential is not carried to another address
      signal: AbortSignal.timeout(CALL_MAX_MS),
    });
    const text = (await response.text()).slice(0, BODY_CHARS_MAX);
    return { kind: "answer", status: response.status, body: parseJson(text), headers: response.headers };
  } catch (error) {
    return { kind: "unreachable", why: describeNetworkError(error) };
  }
}

/** Base with a slash at its end, so that a relative path is appended. */
export function endpoint(base: string, path: string): URL {
  return new URL(path, base.endsWith("/") ? base : `${base}/`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function describeNetworkError(error: unknown): string {
  if (error instanceof Error && error.name === "TimeoutError") return `no answer within ${CALL_MAX_MS / 1000} s`;
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : undefined;
  return code === undefined ? "the connection failed" : `the connection failed (${code})`;
}
