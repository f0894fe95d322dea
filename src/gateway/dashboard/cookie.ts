import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";
import { SESSION_MS } from "./sessions.ts";

/** What the cookie of a session holds; null = the request has none. */
export function cookieIn(request: IncomingMessage): string | null {
  const wanted = `${cookieName(request)}=`;
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(wanted))?.slice(wanted.length) || null;
}

/** The header that makes a browser keep the cookie; null as secret makes it forget. */
export function setCookie(request: IncomingMessage, secret: string | null): string {
  const age = secret === null ? 0 : Math.floor(SESSION_MS / 1000);
  const secure = isTls(request) ? "; Secure" : "";
  return `${cookieName(request)}=${secret ?? ""}; Path=/; Max-Age=${age}; HttpOnly; SameSite=Strict${secure}`;
}

/**
 * A change that a cookie stands for has to come from a page of ours: browsers say where a request comes from, and no form can
 * send JSON or a header of its own.
 * @throws Failure permission/denied
 */
export function refuseForgedChange({ method, headers }: IncomingMessage): void {
  if (method === "GET") return;
  // Whether the origin is ours has been looked at; see check-origin.ts.
  const isSaid = headers.origin !== undefined || headers["sec-fetch-site"] === "same-origin";
  const isOurKind =
    headers["x-orch-filename"] !== undefined ||
    (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() === "application/json";
  if (isSaid && isOurKind) return;
  throw new Failure("permission/denied", "with a cookie only the dashboard itself may change something", {
    why: isSaid ? "the request is not said to be JSON" : "the request does not say where it comes from",
    hint: "programs send an API key: authorization: Bearer orch_…",
  });
}

/** Cookies know no ports: daemons side by side on one host must not overwrite each other's. */
function cookieName(request: IncomingMessage): string {
  const name = `orch-${request.socket.localPort ?? 0}`;
  return isTls(request) ? `__Host-${name}` : name;
}

function isTls({ socket }: IncomingMessage): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}
