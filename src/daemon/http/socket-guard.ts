import fs from "node:fs/promises";
import type { Server } from "node:http";
import net from "node:net";
import { dirname } from "node:path";
import type { Logger } from "pino";
import { ensureSharedDir } from "../../config/shared-dir.ts";
import { listenOn, type SocketPlace } from "./listen-on.ts";

export interface SocketGuard {
  /** Looks now. Resolves once the socket is there. */
  look(): Promise<void>;
  close(): void;
}

const LOOK_MS = 2_000;

/**
 * Makes the socket anew when it is removed under the living daemon, as cleaners of /tmp do to files that nobody has
 * changed for days. Nobody could reach it else, and its lock keeps every other daemon from taking its place.
 */
export function guardSocket(server: Server, socket: SocketPlace, log: Logger): SocketGuard {
  const { path: socketPath, gid } = socket;
  let stand: net.Server | null = null;
  const look = async (): Promise<void> => {
    if ((await fs.lstat(socketPath).catch(() => null)) !== null) return;
    // Closing removes the path, so it comes before the new socket is made there.
    stand?.close();
    if (gid === null) await fs.mkdir(dirname(socketPath), { recursive: true, mode: 0o700 });
    else ensureSharedDir(dirname(socketPath), gid);
    stand = net.createServer({ allowHalfOpen: true }, (socket) => server.emit("connection", socket));
    await listenOn(stand, socket);
    log.warn({ socketPath }, "the socket was removed; it has been made anew");
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.error({ err: error }, "the socket cannot be made anew"));
  }, LOOK_MS);
  timer.unref();
  return {
    look,
    close() {
      clearInterval(timer);
      stand?.close();
    },
  };
}
