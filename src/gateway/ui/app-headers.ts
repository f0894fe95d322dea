import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { isOwnCookie } from "../dashboard/cookie.ts";
import { HOP_BY_HOP, headersWithout } from "../forward/headers.ts";
import { isTls } from "../is-tls.ts";
import { orchKeyIn } from "./orch-key.ts";

/** What belongs to the connection, or tells what only the gateway knows. */
const NOT_TO_APPS = new Set([
  ...HOP_BY_HOP,
  "content-length",
  "expect",
  "forwarded",
  "http2-settings",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** What would hold for other ports of the host as well: for the dashboard, and for the pages of other workers. */
const NOT_FROM_APPS = new Set([...HOP_BY_HOP, "alt-svc", "clear-site-data", "strict-transport-security"]);

/** Headers that may hold a key. */
const KEY_HEADERS = ["authorization", "x-api-key"] as const;

/**
 * The headers of a request to a worker's own page: all that its browser sent, `Host` and `Origin` too, since programs compare
 * them; but no key and no cookie of orch.
 */
export function appHeaders(request: IncomingMessage): Record<string, string> {
  const headers = headersWithout(request.headers, NOT_TO_APPS);
  for (const name of KEY_HEADERS) if (orchKeyIn({ [name]: headers[name] }) !== null) delete headers[name];
  const cookies = (headers["cookie"] ?? "").split(";").filter((pair) => !isOwnCookie(nameOf(pair)));
  if (cookies.join("").trim() === "") delete headers["cookie"];
  else headers["cookie"] = cookies.join(";").trim();
  headers["x-forwarded-proto"] = isTls(request) ? "https" : "http";
  if (request.headers.host !== undefined) headers["x-forwarded-host"] = request.headers.host;
  return headers;
}

/**
 * What of a worker's headers its page gets: all but what would hold beyond its own origin, and cookies of our names. Nobody else
 * may frame the page: whoever clicks there is logged in.
 */
export function appAnswerHeaders(given: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(given)) if (!NOT_FROM_APPS.has(name)) headers[name] = value;
  const cookies = listOf(given["set-cookie"]).filter((line) => !isOwnCookie(nameOf(line)));
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  else delete headers["set-cookie"];
  // Policies add up, each for itself.
  headers["content-security-policy"] = [
    ...listOf(given["content-security-policy"]),
    "frame-ancestors 'self'",
  ].join(", ");
  return headers;
}

/** A cookie without a name, "=orch-7707=x", is sent as if what follows were one. */
function nameOf(cookie: string): string {
  return cookie.replace(/^[\s=]+/, "").split(/[=;]/)[0] ?? "";
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : [value].flat();
}
