import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { Caller } from "../../protocol/operation.ts";
import { userNameOf } from "../users/user-name.ts";

/** Who is on the other end of a Unix socket, as the kernel knows it. */
export type IdentifyPeer = (socket: Socket) => Caller | null;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred { pid_t pid; uid_t uid; gid_t gid; } of socket(7) on Linux. */
const UCRED_BYTES = 12;

/**
 * Reads SO_PEERCRED through koffi. Node keeps the descriptor in a private field, so this is tested by the caller at
 * start and every connection: no descriptor, no identity.
 * @returns null when koffi cannot be loaded: then only the mode of the socket's folder guards it.
 */
export function loadPeerCredentials(): IdentifyPeer | null {
  const getsockopt = loadGetsockopt();
  if (getsockopt === null) return null;
  const names = new Map<number, string>();
  return (socket) => {
    const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
    if (typeof fd !== "number" || fd < 0) return null;
    const credentials = Buffer.alloc(UCRED_BYTES);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(UCRED_BYTES);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length) !== 0) return null;
    const uid = credentials.readUInt32LE(4);
    return { pid: credentials.readInt32LE(0), uid, user: nameOf(uid, names) };
  };
}

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;

function loadGetsockopt(): Getsockopt | null {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as {
      load(library: string | null): { func(prototype: string): Getsockopt };
    };
    return koffi
      .load(null)
      .func("int getsockopt(int fd, int level, int option, _Out_ void *value, _Inout_ void *length)");
  } catch {
    return null;
  }
}

/** Asking the system for its user takes a look into /etc/passwd; it is done once per uid. */
function nameOf(uid: number, known: Map<number, string>): string {
  const name = known.get(uid) ?? userNameOf(uid);
  known.set(uid, name);
  return name;
}
