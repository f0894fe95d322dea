import type { IncomingMessage } from "node:http";
import { Failure } from "../../std/failure.ts";
import { isTls } from "../is-tls.ts";
import { SESSION_MS } from "./sessions.ts";

/**
 * What the cookie of a session holds; null = the request has none, or several that differ: pages at other ports of the host can
 * add one, and nobody is to go on in a session that they chose.
 */
export function cookieIn(request: IncomingMessage): string | null {
  const wanted = `${cookieName(request)}=`;
  const pairs = (request.headers.cookie ?? "").split(";").map((pair) => pair.trim());
  const found = new Set(pairs.filter((pair) => pair.startsWith(wanted)));
  const [only = ""] = found;
  return (found.size === 1 && only.slice(wanted.length)) || null;
}

/** Names of the cookies of all doors, as `cookieName` makes them; browsers do not tell `__host-` from `__Host-`. */
const OWN_NAME = /^(?:__host-)?orch-\d+$/i;

/** Whether a cookie of this name is, or would be taken for, one of orch's. */
export function isOwnCookie(name: string): boolean {
  return OWN_NAME.test(name.trim());
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
  const isSaid = saysOrigin(headers);
  const isOurKind =
    headers["x-orch-filename"] !== undefined ||
    (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() === "application/json";
  if (isSaid && isOurKind) return;
  throw new Failure("permission/denied", "with a cookie only the dashboard itself may change something", {
    why: isSaid ? "the request is not said to be JSON" : "the request does not say where it comes from",
    hint: "programs send an API key: authorization: Bearer orch_…",
  });
}

/** Whether a request says that it comes from somewhere. Whether that is ours has been looked at; see check-origin.ts. */
export function saysOrigin(headers: IncomingMessage["headers"]): boolean {
  return headers.origin !== undefined || headers["sec-fetch-site"] === "same-origin";
}

/** Cookies know no ports: daemons side by side on one host must not overwrite each other's. */
function cookieName(request: IncomingMessage): string {
  const name = `orch-${request.socket.localPort ?? 0}`;
  return isTls(request) ? `__Host-${name}` : name;
}
