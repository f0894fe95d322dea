import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { Failure } from "../std/failure.ts";
import { isTls } from "./is-tls.ts";

const LOCAL_NAMES = ["localhost", "127.0.0.1", "::1"];

/**
 * Refuses what a page of somebody else's could make a browser send: a request for another name than this server's (a name that
 * was made to mean this address), one from a page of another origin, and a body that a form could have sent.
 * @param hosts names that the config allows beside the server's own addresses
 * @param reach `isPage`: what is asked for holds nothing of anybody's: a link elsewhere may lead there; `anyOrigin`: pages of
 *   other origins may ask, too
 * @throws Failure permission/denied, request/malformed
 */
export function refuseForeignPage(
  request: IncomingMessage,
  hosts: readonly string[],
  { isPage = false, anyOrigin = false }: { readonly isPage?: boolean; readonly anyOrigin?: boolean } = {},
): void {
  const { host, origin } = request.headers;
  refuseTwoHosts(request);
  const name = hostNameOf(host);
  if (name === null || !isOwnName(name, request.socket.localAddress, hosts))
    throw new Failure("permission/denied", `this is not ${(host ?? "named").slice(0, 200)}`, {
      why: "the gateway answers to its own addresses and the names of gateway.hosts alone",
      hint: "add the name to gateway.hosts in config.yaml",
    });
  if (anyOrigin) return;
  // A browser says where a request comes from; other programs say nothing.
  const { "sec-fetch-mode": mode, "sec-fetch-dest": destination } = request.headers;
  if (isPage && request.method === "GET" && mode === "navigate" && destination === "document") return;
  const isSame = origin === undefined || isOwnOrigin(origin, request);
  const site = request.headers["sec-fetch-site"];
  if (!isSame || (site !== undefined && site !== "same-origin" && site !== "none"))
    throw new Failure("permission/denied", "a page of another origin may not ask the gateway", {
      hint: "send it from a program, not from a page",
    });
}

/**
 * Refuses a body that is not JSON, such as a form of another page could send, and one that is packed.
 * @throws Failure request/malformed
 */
export function refuseOtherBody({ headers }: IncomingMessage): void {
  const hasBody = headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0;
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (hasBody && type !== "application/json")
    throw new Failure("request/malformed", "the body of the request is not said to be JSON", {
      hint: "add the header content-type: application/json",
    });
  if ((headers["content-encoding"] ?? "identity") !== "identity")
    throw new Failure("request/malformed", "the body of the request is packed", { hint: "send it as it is" });
}

/** The name in a Host header, without its port and brackets; null when it is none. */
function hostNameOf(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9.-]+))(?::\d{1,5})?$/i.exec(host ?? "");
  return match === null ? null : (match[1] ?? match[2] ?? "").toLowerCase();
}

/** An address cannot be made to mean another one, so that of the connection itself is good. */
function isOwnName(name: string, localAddress: string | undefined, hosts: readonly string[]): boolean {
  const address = (localAddress ?? "").replace(/^::ffff:/, "");
  if (hosts.includes(name) || (isIP(name) !== 0 && name === address)) return true;
  return LOCAL_NAMES.includes(name) && (address.startsWith("127.") || address === "::1");
}

/** Of two, a proxy before the gateway may have looked at the other one (RFC 9112, 3.2). */
function refuseTwoHosts({ rawHeaders }: IncomingMessage): void {
  const hosts = rawHeaders.filter((text, at) => at % 2 === 0 && text.toLowerCase() === "host");
  if (hosts.length > 1) throw new Failure("request/malformed", "the request has more than one header Host");
}

/** Pages that came without TLS may be anybody's. Without TLS of our own, something before us may have added it. */
function isOwnOrigin(origin: string, request: IncomingMessage): boolean {
  const { headers } = request;
  const [, scheme, host] = /^(https?):\/\/([^/]+)$/i.exec(origin) ?? [];
  return (
    host?.toLowerCase() === headers.host?.toLowerCase() &&
    (!isTls(request) || scheme?.toLowerCase() === "https")
  );
}
