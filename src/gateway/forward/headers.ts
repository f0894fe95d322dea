import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** What of a caller's headers a server may need to answer an API's request. Its key is not among them, nor are cookies. */
const PASSED_ON = [
  "accept",
  "content-type",
  "user-agent",
  "openai-beta",
  "anthropic-beta",
  "anthropic-version",
  "traceparent",
  "tracestate",
];

/** What belongs to a connection, not to what is sent over it (RFC 9110, 7.6.1). */
export const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** What a worker's server says of itself, or would have browsers do with the gateway's address. */
const NOT_FROM_WORKERS = new Set([
  ...HOP_BY_HOP,
  "access-control-allow-credentials",
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "access-control-expose-headers",
  "alt-svc",
  "clear-site-data",
  "content-security-policy",
  "cross-origin-resource-policy",
  "date",
  "location",
  "refresh",
  "report-to",
  "server",
  "service-worker-allowed",
  "set-cookie",
  "strict-transport-security",
  "via",
  "x-correlation-id",
  "x-powered-by",
]);

/** What would tell a worker who asks, or that is for the gateway. */
const NOT_TO_WORKERS = new Set([
  ...HOP_BY_HOP,
  "api-key",
  "authorization",
  "content-length",
  "cookie",
  "expect",
  "forwarded",
  "host",
  "http2-settings",
  "origin",
  "referer",
  "x-api-key",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** The headers of a request to a worker, of those that the caller sent: what an API needs, and nothing else. */
export function apiHeaders(
  given: IncomingHttpHeaders,
  correlation: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of PASSED_ON) {
    const value = given[name];
    if (typeof value === "string") headers[name] = value;
  }
  if (correlation !== undefined) headers["x-orch-correlation"] = correlation;
  return headers;
}

/** As `apiHeaders`, for servers of which nobody knows what they need: all but what names the caller. */
export function openHeaders(given: IncomingHttpHeaders): Record<string, string> {
  return headersWithout(given, NOT_TO_WORKERS);
}

/** The headers of a request but for some, for what is meant for this connection alone, and for what orch is told by them. */
export function headersWithout(
  given: IncomingHttpHeaders,
  unwanted: ReadonlySet<string>,
): Record<string, string> {
  const named = (given.connection ?? "").toLowerCase().split(",");
  const dropped = new Set([...unwanted, ...named.map((name) => name.trim())]);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(given))
    if (value !== undefined && !dropped.has(name) && !name.startsWith("x-orch-"))
      headers[name] = Array.isArray(value) ? value.join(", ") : value;
  return headers;
}

/** What of a worker's headers the caller gets. */
export function answerHeaders(given: IncomingHttpHeaders): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  for (const name in given) {
    if (!NOT_FROM_WORKERS.has(name)) headers[name] = given[name];
  }
  return headers;
}
