import fs from "node:fs";
import type { Server } from "node:net";
import { errnoOf, Failure } from "../../std/failure.ts";

export interface SocketPlace {
  readonly path: string;
  /** The group that may connect, too; null = only the daemon's own user and root. */
  readonly gid: number | null;
}

/**
 * Listens on a Unix socket that only its owner, and a group if there is one, can connect to. The caller holds the daemon's lock, so a socket file that
 * is there is a leftover.
 * @throws Failure socket/taken when it is not a socket, state/unwritable when it cannot be made.
 */
export async function listenOn(server: Server, { path: socketPath, gid }: SocketPlace): Promise<void> {
  removeLeftover(socketPath);
  const listening = new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // The socket is made within this call. The umask is the whole process's, so it is back before anything else runs.
    const umask = process.umask(0o177);
    server.listen(socketPath, () => resolve());
    process.umask(umask);
  });
  try {
    await listening;
    // Root's alone up to now, in a folder that is root's: nobody can have put anything else there.
    if (gid !== null) {
      fs.lchownSync(socketPath, 0, gid);
      fs.chmodSync(socketPath, 0o660);
    }
  } catch (error) {
    throw new Failure("state/unwritable", `the socket ${socketPath} cannot be made`, {
      why: errnoOf(error) ?? String(error),
      hint: "set ORCH_SOCKET to a path in a folder of your own",
    });
  }
}

/** Serves on a socket that a service manager opened, which stays open when this process ends. */
export function listenOnHanded(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ fd }, () => resolve());
  });
}

function removeLeftover(socketPath: string): void {
  const found = fs.lstatSync(socketPath, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    throw new Failure("socket/taken", `${socketPath} is there and is no socket`, {
      hint: `mv ${socketPath} ${socketPath}.old`,
    });
  }
  fs.unlinkSync(socketPath);
}
