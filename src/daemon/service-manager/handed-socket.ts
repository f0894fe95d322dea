import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { errnoOf, Failure } from "../../std/failure.ts";

/** The first descriptor that a service manager hands over: SD_LISTEN_FDS_START of sd_listen_fds(3). */
const FIRST_FD = 3;
/** __SO_ACCEPTCON in the flags column of /proc/net/unix: it listens. */
const LISTENS = 0x10000;
const STREAM = "0001";
const OURS = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] as const;

/** Whom a socket may let in. */
export interface SocketRights {
  readonly path: string;
  readonly uid: number;
  /** The group that may connect, too; null = only the daemon's own user and root. */
  readonly gid: number | null;
}

/**
 * The number of sockets that a service manager opened for this process; the variables are taken out, so that no program
 * thinks that they were meant for it.
 */
export function takeListenFds(env: NodeJS.ProcessEnv, pid: number): number {
  const count = env["LISTEN_PID"] === String(pid) ? Number(env["LISTEN_FDS"] ?? "0") : 0;
  for (const name of OURS) delete env[name];
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/**
 * Looks at the socket that a service manager opened (socket activation), with the same eyes as at one of our own: it has to
 * listen at the daemon's path and let in nobody but those whom the daemon serves.
 * @param count as `takeListenFds` gave it
 * @returns its descriptor, or null when none was handed over
 * @throws Failure socket/taken, permission/denied
 */
export function checkHandedSocket(count: number, rights: SocketRights): number | null {
  if (count === 0) return null;
  if (count > 1) throw wrong(`${count} sockets were handed over, not one`, rights);
  const row = rowOf(FIRST_FD);
  if (row === null) throw wrong("what was handed over is no Unix socket", rights);
  if (row.path !== rights.path) throw wrong(`it listens on ${row.path || "no path"}`, rights);
  if (!row.isListening) throw wrong("it is not a stream socket that listens", rights);
  refuseOpen(rights);
  return FIRST_FD;
}

interface Row {
  readonly path: string;
  readonly isListening: boolean;
}

/** What the kernel's table (proc(5), /proc/net/unix: Num RefCount Protocol Flags Type St Inode Path) says of a descriptor. */
function rowOf(fd: number): Row | null {
  const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/self/fd/${fd}`))?.[1];
  if (inode === undefined) return null;
  for (const line of readFileSync("/proc/self/net/unix", "utf8").split("\n")) {
    const fields = /^\S+ \S+ \S+ (?<flags>\S+) (?<type>\S+) \S+ +(?<inode>\d+)(?: (?<path>.*))?$/.exec(
      line,
    )?.groups;
    if (fields?.["inode"] !== inode) continue;
    const listens = (Number.parseInt(fields["flags"] ?? "0", 16) & LISTENS) !== 0;
    return { path: fields["path"] ?? "", isListening: listens && fields["type"] === STREAM };
  }
  return null;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Refused rather than put right: whoever should not have come in may be waiting in it already. */
function refuseOpen(rights: SocketRights): void {
  const flaw = flawOf(rights);
  if (flaw === null) return;
  const mode =
    rights.gid === null ? "SocketMode=0600" : "SocketMode=0660 and SocketGroup= of config.yaml's group";
  throw new Failure("permission/denied", `the socket ${rights.path} is not safe to use`, {
    why: flaw,
    hint: `set ${mode} in its unit, or write it anew: orch service install`,
  });
}

function flawOf({ path, uid, gid }: SocketRights): string | null {
  try {
    const found = lstatSync(path);
    if (!found.isSocket()) return "there is something else at its path";
    if (found.uid !== uid && found.uid !== 0) return `it belongs to uid ${found.uid}, not to ${uid}`;
    const others = gid === null ? 0o077 : 0o007;
    if ((found.mode & others) !== 0)
      return `its mode is ${(found.mode & 0o777).toString(8)}: others can get in`;
    if (gid !== null && (found.mode & 0o070) !== 0 && found.gid !== gid)
      return `it belongs to gid ${found.gid}, not to ${gid}`;
    return null;
  } catch (error) {
    return errnoOf(error) ?? String(error);
  }
}

function wrong(why: string, { path }: SocketRights): Failure {
  return new Failure("socket/taken", "the service manager handed over another socket than the daemon's", {
    why,
    hint: `ListenStream=${path} in its unit, or write it anew: orch service install`,
  });
}
