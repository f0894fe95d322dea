import type { IncomingMessage } from "node:http";
import { Failure } from "../std/failure.ts";
import { isSuccess, LostTouch, refusalOf, type ServiceConnection } from "./service-connection.ts";

/** A server behind a container's port, or told to listen on all addresses, names itself like this. */
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|0\.0\.0\.0|\[::1?\])$/i;

/**
 * Fetches a file that a server says it has, from that server: the host in the address is not used, and an address of
 * another host is refused, so that no server can make the daemon ask others.
 * @throws Failure job/failed, LostTouch
 */
export async function fetchOwnFile(
  connection: ServiceConnection,
  address: string,
  signal: AbortSignal,
): Promise<{ answer: IncomingMessage; name: string }> {
  const path = ownPathOf(address);
  const answer = await connection.ask({ method: "GET", path, body: null, signal });
  if (answer instanceof Error) throw new LostTouch(`the server cannot be reached: ${answer.message}`);
  if (isSuccess(answer)) return { answer, name: path.split("?")[0]?.split("/").at(-1) ?? "" };
  throw await refusalOf(answer, `GET ${cut(path)}`);
}

/** The path and query of an address that a server gives of something of its own. @throws Failure job/failed for another's */
export function ownPathOf(address: string): string {
  const base = "http://localhost";
  const url = URL.canParse(address, base) ? new URL(address, base) : null;
  if (url === null || !LOOPBACK.test(url.hostname) || !/^https?:$/.test(url.protocol)) {
    throw new Failure("job/failed", `the server's answer names a file that is not its own: ${cut(address)}`);
  }
  return `${url.pathname}${url.search}`;
}

function cut(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
