import type { IncomingMessage, ServerResponse } from "node:http";
import { Failure } from "../../std/failure.ts";
import { refuseOtherBody } from "../check-origin.ts";
import type { Doorkeeper } from "../doorkeeper.ts";
import type { OpenExchange } from "../port.ts";
import { cookieIn, setCookie } from "./cookie.ts";
import { isFromUser } from "./peer-uid.ts";
import type { Sessions } from "./sessions.ts";

type Asked = OpenExchange;

/** A key is 60 characters long. */
const MOST_BODY_BYTES = 4_096;

/** What a link leads to. */
export interface Goal {
  /** Path to which the browser is sent then. */
  readonly path: string;
  /** What makes another link. */
  readonly command: string;
}

/**
 * Follows a link of `orch dashboard` or `orch ui`: the secret in it is used up, and the browser is sent to an address without it.
 * Who comes too late is told in words, since a person reads it.
 */
export async function followLink(
  sessions: Sessions,
  { path, command }: Goal,
  { request, response, query }: Asked,
): Promise<void> {
  const isLook = request.headers["sec-purpose"] !== undefined || request.headers["purpose"] !== undefined;
  const token = new URLSearchParams(query).get("token") ?? "";
  const link = isLook ? null : sessions.findLink(token);
  const isForeign = link?.isBound === true && !(await isFromUser(request.socket, link.uid));
  if (link !== null && isForeign)
    return refuseLink(response, `is for a browser of ${link.user} on this host`, `${command} --print`);
  if (link === null || !sessions.takeLink(token))
    return refuseLink(response, "has been used or is too old", command);
  const { uid, user, keyId } = link;
  response.setHeader("set-cookie", setCookie(request, sessions.begin({ uid, user, keyId })));
  // Where another of our pages led here, the browser takes what a redirect leads to for that page's wish.
  if (request.headers["sec-fetch-site"] === "same-site") response.setHeader("refresh", `0; url=${path}`);
  else response.writeHead(303, { location: path });
  response.end();
}

function refuseLink(response: ServerResponse, why: string, command: string): void {
  response.writeHead(403, { "content-type": "text/plain; charset=utf-8" });
  response.end(`This link ${why}. Another one: ${command}\n`);
}

/**
 * Begins a session with what an API key may do: POST {"key": "orch_…"}.
 * @throws Failure key/refused, permission/denied, request/malformed, request/too-large; TooMany
 */
export async function logInByKey(
  sessions: Sessions,
  doorkeeper: Doorkeeper,
  { request, response }: Asked,
): Promise<void> {
  refuseOtherBody(request);
  const { caller, scopes, keyId } = await doorkeeper.admitText(await readKey(request), request);
  if (!scopes.includes("read") && !scopes.includes("admin"))
    throw new Failure("permission/denied", "the dashboard needs a key of the scope read", {
      why: `this one has ${scopes.join(", ")}`,
      hint: "orch keys add --scope read,submit",
    });
  const { uid, user } = caller;
  response.setHeader("set-cookie", setCookie(request, sessions.begin({ uid, user, keyId })));
  response.writeHead(204).end();
}

/** Ends the session of the cookie, if there is one. */
export async function logOut(sessions: Sessions, { request, response }: Asked): Promise<void> {
  const secret = cookieIn(request);
  if (secret !== null) sessions.end(secret);
  response.writeHead(204, { "set-cookie": setCookie(request, null) });
  response.end();
}

async function readKey(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES)
      throw new Failure("request/too-large", `a login is larger than ${MOST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  const key = keyOf(Buffer.concat(chunks).toString("utf8"));
  if (key === null)
    throw new Failure("request/malformed", 'a login is not {"key": "orch_…"}', {
      hint: "orch keys add makes a key",
    });
  return key;
}

function keyOf(text: string): string | null {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && "key" in body && typeof body.key === "string"
      ? body.key
      : null;
  } catch {
    return null;
  }
}
