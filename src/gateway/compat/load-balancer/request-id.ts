import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { CORRELATION_PATTERN } from "../../../std/correlation.ts";

const made = new WeakMap<IncomingMessage, string>();

/** The id of a request: as the caller gave it, else 32 hex digits. It stays the same however often it is asked for. */
export function requestIdOf(request: IncomingMessage): string {
  const known = made.get(request);
  if (known !== undefined) return known;
  const given = request.headers["x-request-id"] ?? request.headers["x-correlation-id"];
  const id =
    typeof given === "string" && /^[\x21-\x7e]{1,200}$/.test(given) ? given : randomBytes(16).toString("hex");
  made.set(request, id);
  return id;
}

/** The same id for the logs of the gateway, the daemon and the worker; another one where it is more than these take. */
export function correlationOf(request: IncomingMessage): string {
  const id = requestIdOf(request);
  return CORRELATION_PATTERN.test(id) ? id : `lb-${randomBytes(16).toString("hex")}`;
}
