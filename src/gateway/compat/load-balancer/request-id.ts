import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";

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
