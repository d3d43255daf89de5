import type { MiddlewareHandler } from "hono";
import { HttpRefusal } from "./http-refusal.ts";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const WRITES = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/** No page of ours holds a script, a style or an address of another origin, so nothing else is allowed. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Keeps other web sites out. A page that rebinds its name to this address carries that name in Host; a form or script
 * of another site carries its own Origin, or a content type that a form can send.
 */
export function guardRequests(hosts: readonly string[]): MiddlewareHandler {
  const allowed = new Set([...LOOPBACK, ...hosts.map((host) => host.toLowerCase())]);
  return async (context, next) => {
    const host = context.req.header("host") ?? "";
    if (!allowed.has(hostnameOf(host))) {
      throw new HttpRefusal({
        status: 421,
        code: "HOST_REFUSED",
        message: `Cannot serve host "${host.slice(0, 80)}": only names of this machine are answered`,
        hint: "Open the address that `npm start` printed, or set web.host to this name",
      });
    }
    if (WRITES.has(context.req.method)) {
      refuseOtherOrigin(context.req.header("origin"), context.req.header("sec-fetch-site"), host);
      refuseOtherType(context.req.header("content-type"));
    }
    await next();
  };
}

/** The name without its port; empty when the header is no host. */
function hostnameOf(host: string): string {
  return /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(:\d{1,5})?$/i.exec(host)?.[1]?.toLowerCase() ?? "";
}

function refuseOtherOrigin(origin: string | undefined, site: string | undefined, host: string): void {
  const isOurs = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  if (isOurs && (site === undefined || site === "same-origin" || site === "none")) return;
  throw new HttpRefusal({
    status: 403,
    code: "ORIGIN_REFUSED",
    message: "Cannot accept the request: it comes from another web site",
    hint: "Use the pages of this server, or send no Origin header",
  });
}

function refuseOtherType(type: string | undefined): void {
  if (type !== undefined && /^application\/json\s*(;|$)/i.test(type)) return;
  throw new HttpRefusal({
    status: 415,
    code: "TYPE_REFUSED",
    message: "Cannot read the request: it is not JSON",
    hint: "Send the header Content-Type: application/json",
  });
}

export function secureResponses(): MiddlewareHandler {
  return async (context, next) => {
    await next();
    context.header("Content-Security-Policy", CONTENT_SECURITY_POLICY);
    context.header("X-Content-Type-Options", "nosniff");
    context.header("X-Frame-Options", "DENY");
    context.header("Referrer-Policy", "no-referrer");
    context.header("Cross-Origin-Opener-Policy", "same-origin");
    context.header("Cross-Origin-Resource-Policy", "same-origin");
    context.header("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
    if (context.res.headers.get("Cache-Control") === null) context.header("Cache-Control", "no-store");
  };
}
