import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A socket that takes connections to a port of this host's loopback address. */
export interface Listener {
  readonly inode: string;
  readonly uid: number;
  /** Whether connections of other hosts arrive there, too. */
  readonly isPublic: boolean;
}

/** State "listen" of /proc/net/tcp; the kernel's TCP_LISTEN. */
const LISTEN = "0A";
/** Local addresses at which a connection to 127.0.0.1 arrives, as the kernel prints them on a little-endian host. */
const LOOPBACK = new Set(["0100007F", "0000000000000000FFFF00000100007F"]);
/** Any address, of IPv4 and of IPv6: it arrives there, too. */
const ANY = new Set(["00000000", "00000000000000000000000000000000"]);

/** Who listens where a connection to 127.0.0.1:`port` arrives. See proc_pid_net(5). */
export function listenersOn(port: number): Listener[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) => parseListeners(readOrEmpty(path), wanted));
}

function parseListeners(table: string, port: string): Listener[] {
  const found: Listener[] = [];
  for (const line of table.split("\n").slice(1)) {
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    const [address = "", localPort] = (local ?? "").split(":");
    const isPublic = ANY.has(address);
    const isReached = isPublic || LOOPBACK.has(address);
    if (state !== LISTEN || localPort !== port || !isReached || inode === undefined) continue;
    found.push({ inode, uid: Number(uid), isPublic });
  }
  return found;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return ""; // A kernel without IPv6.
  }
}

/** Whether one of these processes has the socket. */
export function isHeldBy(pids: readonly number[], { inode }: Listener): boolean {
  return pids.some((pid) => hasSocket(pid, inode));
}

function hasSocket(pid: number, inode: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => isSocket(pid, fd, inode));
  } catch {
    return false; // It has ended, or belongs to another user.
  }
}

function isSocket(pid: number, fd: string, inode: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`;
  } catch {
    return false; // It has been closed meanwhile.
  }
}

/** Whose socket it is, in words: "pid 4242 (python3)", or the user where the kernel tells no more. */
export function describeHolderOf(listener: Listener): string {
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || !hasSocket(pid, listener.inode)) continue;
    return `pid ${pid} (${readOrEmpty(`/proc/${pid}/comm`).trim() || "unknown program"})`;
  }
  return `a program of uid ${listener.uid}`;
}
