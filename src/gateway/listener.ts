import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { ListenAddress } from "../std/listen-address.ts";
import { watchBodies } from "./slow-bodies.ts";
import type { TlsPair } from "./tls-files.ts";
import { takeUpgrades } from "./upgrades.ts";

/** What a stranger may hold of the daemon. */
export interface Limits {
  readonly headerBytes: number;
  /** Until the head of a request is there, from the connection or the last request on. */
  readonly headersMs: number;
  /** Until all of it is there, unless as much of it comes in a second as the next says. */
  readonly requestMs: number;
  readonly leastBytesPerSecond: number;
  readonly idleMs: number;
  /** How often these are looked after. */
  readonly checkMs: number;
  /** Nothing of what was written has been read for so long. */
  readonly unreadMs: number;
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

const usualLimits: Limits = {
  headerBytes: 16 * 1024,
  headersMs: 5_000,
  requestMs: 30_000,
  leastBytesPerSecond: 64 * 1024,
  idleMs: 5_000,
  checkMs: 1_000,
  unreadMs: 30_000,
  connections: 1_024,
  connectionsPerAddress: 256,
};

const OLDEST_TLS = "TLSv1.2";

/** A server that listens. */
export interface Listener {
  readonly url: string;
  /** Takes another certificate for new connections. */
  renew(tls: TlsPair): void;
  close(): Promise<void>;
}

/** Listens. @throws Node's error when the address cannot be had */
export async function listen(
  address: ListenAddress,
  tls: TlsPair | null,
  handle: RequestListener,
  limits: Limits = usualLimits,
): Promise<Listener> {
  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: 0, // See slow-bodies.ts.
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: limits.checkMs,
  };
  const server =
    tls === null
      ? createServer(options, handle)
      : createTlsServer(
          { ...options, ...tls, handshakeTimeout: limits.headersMs, minVersion: OLDEST_TLS },
          handle,
        );
  server.maxConnections = limits.connections;
  takeUpgrades(server, handle);
  const stops = [watchConnections(server, tls !== null, limits), watchBodies(server, limits)];
  const stopWatch = (): void => {
    for (const stop of stops) stop();
  };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, ipv6Only: true }, () => {
      server.off("error", reject);
      resolve();
    });
  }).catch((error: unknown) => {
    stopWatch();
    throw error;
  });
  const { port } = server.address() as AddressInfo;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    url: `${tls === null ? "http" : "https"}://${host}:${port}`,
    renew(pair) {
      if ("setSecureContext" in server) server.setSecureContext({ ...pair, minVersion: OLDEST_TLS });
    },
    close: () =>
      new Promise((resolve) => {
        stopWatch();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Watched {
  readBytes: number;
  sinceMs: number;
}

/** No address may have too many connections, and nobody may leave what they asked for unread. Gives what ends it. */
function watchConnections(server: Server, isTls: boolean, limits: Limits): () => void {
  const open = new Set<Socket>();
  const perAddress = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    // One that goes on without an upgrade is told of twice.
    if (open.has(socket)) return;
    const address = socket.remoteAddress ?? "";
    const count = (perAddress.get(address) ?? 0) + 1;
    if (count > limits.connectionsPerAddress) return void socket.destroy();
    perAddress.set(address, count);
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
  });
  const watched = new Map<Socket, Watched>();
  server.on(isTls ? "secureConnection" : "connection", (socket: Socket) => {
    if (watched.has(socket)) return;
    watched.set(socket, { readBytes: 0, sinceMs: 0 });
    socket.once("close", () => watched.delete(socket));
  });
  const timer = setInterval(() => {
    for (const [socket, seen] of watched) {
      const readBytes = socket.bytesWritten - socket.writableLength;
      const isStuck = socket.writableLength > 0 && readBytes === seen.readBytes;
      seen.sinceMs = isStuck ? seen.sinceMs + limits.checkMs : 0;
      seen.readBytes = readBytes;
      if (seen.sinceMs >= limits.unreadMs) socket.destroy();
    }
  }, limits.checkMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    // A TLS handshake that is under way is no connection of HTTP's yet.
    for (const socket of open) socket.destroy();
  };
}
