import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { endianness } from "node:os";

/** Sends one message to the service manager; false when it could not be taken. Never throws. */
export type Notify = (message: string) => boolean;

/** <sys/socket.h> on Linux. */
const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 0o2000002;
/** A manager that does not read must not stop the loop that tells it so: MSG_DONTWAIT | MSG_NOSIGNAL. */
const FLAGS = 0x40 | 0x4000;

interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  sendto(fd: number, bytes: Buffer, length: number, flags: number, to: Buffer, toLength: number): number;
  close(fd: number): number;
}

/**
 * The way to the service manager, as sd_notify(3) describes it: one datagram to the socket that NOTIFY_SOCKET names. Node has
 * no such sockets, so the C library's are called through koffi; where koffi is missing the program systemd-notify does it,
 * which takes some milliseconds and which only a manager that listens to all of the service (NotifyAccess=all), or one
 * to root, believes.
 * @param address as NOTIFY_SOCKET has it: a path, or "@" and an abstract name
 * @returns null when it is neither
 */
export function openNotifySocket(address: string): Notify | null {
  if (!/^[/@]./.test(address)) return null;
  const libc = loadLibc();
  return libc === null ? throughProgram(address) : throughLibc(libc, encodeAddress(address));
}

function throughLibc(libc: Libc, to: Buffer): Notify {
  return (message) => {
    const bytes = Buffer.from(message);
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return false;
    const sent = libc.sendto(fd, bytes, bytes.length, FLAGS, to, to.length);
    libc.close(fd);
    return sent === bytes.length;
  };
}

/** struct sockaddr_un of unix(7): the family, then the path with its NUL, or a NUL and the abstract name. */
function encodeAddress(address: string): Buffer {
  const family = Buffer.from(endianness() === "LE" ? [AF_UNIX, 0] : [0, AF_UNIX]);
  const name = address.startsWith("@") ? `\0${address.slice(1)}` : `${address}\0`;
  return Buffer.concat([family, Buffer.from(name)]);
}

function throughProgram(address: string): Notify {
  return (message) => {
    const child = spawn("systemd-notify", [`--pid=${process.pid}`, ...message.split("\n")], {
      stdio: "ignore",
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", NOTIFY_SOCKET: address },
    });
    // Without it the manager hears nothing and says so itself; `orch doctor` names koffi as the cause.
    child.once("error", () => {});
    child.unref();
    return true;
  };
}

function loadLibc(): Libc | null {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as {
      load(library: string | null): { func(prototype: string): never };
    };
    const libc = koffi.load(null);
    return {
      socket: libc.func("int socket(int domain, int type, int protocol)"),
      sendto: libc.func(
        "ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const void *to, unsigned int toLength)",
      ),
      close: libc.func("int close(int fd)"),
    };
  } catch {
    return null;
  }
}
