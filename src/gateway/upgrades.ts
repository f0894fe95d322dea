import { type IncomingMessage, type RequestListener, type Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";

/** Whether a request asks to go on as a WebSocket. By RFC 6455 it is a GET: the body of another one would be lost. */
export function isWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
}

/**
 * Hands requests for an upgrade to the same listener as all others: who may have one is decided there, and whoever grants it takes
 * the socket of the request, in which all that came behind its head is still to be read. Some clients ask for HTTP/2 in passing:
 * that is a request like any other.
 */
export function takeUpgrades(server: Server, handle: RequestListener): void {
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    if (!isWebSocket(request)) return goOnWithout(server, request, socket);
    socket.on("error", () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.once("finish", () => socket.end());
    try {
      response.assignSocket(socket);
    } catch {
      // An earlier request of this connection is still being answered.
      return void socket.destroy();
    }
    handle(request, response);
  });
}

/** Nobody asked for it: the head without the wish, and the server begins anew with it. */
function goOnWithout(server: Server, request: IncomingMessage, socket: Socket): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let at = 0; at < request.rawHeaders.length; at += 2) {
    const name = request.rawHeaders[at] ?? "";
    if (!/^(?:upgrade|http2-settings|connection)$/i.test(name))
      lines.push(`${name}: ${request.rawHeaders[at + 1] ?? ""}`);
  }
  socket.unshift(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"));
  server.emit(socket instanceof TLSSocket ? "secureConnection" : "connection", socket);
}
