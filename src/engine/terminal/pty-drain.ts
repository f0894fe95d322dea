import { closeSync, constants, openSync, readSync } from "node:fs";
import type { ReadStream } from "node:tty";
import type { IPty } from "node-pty";

/** What node-pty 1.1 has on Linux besides what it declares. */
interface UnixPty {
  /** Of the terminal's near side, where output is read and input is written. */
  readonly fd: number;
  /** Path of the far side, which is the program's. */
  readonly ptsName: string;
  readonly _socket: ReadStream;
}

const READ_BYTES = 64 * 1024;

/** Descriptor of the terminal's near side. */
export function fdOf(pty: IPty): number {
  return (pty as unknown as UnixPty).fd;
}

/**
 * Makes sure that a program's last words are read. Node takes a terminal whose far side was closed for empty after the
 * first short read, so what was written right before the end would be lost now and then. Here the far side is kept open,
 * so that this never happens, and what is left is read when node-pty, some 200 ms after the end, closes the near side.
 */
export function drainAtEnd(pty: IPty, onOutput: (chunk: Buffer) => void): void {
  const { _socket: socket, ptsName, fd } = pty as unknown as UnixPty;
  const farFd = openSync(ptsName, constants.O_RDWR | constants.O_NOCTTY);
  const destroy = socket.destroy.bind(socket);
  let isDone = false;
  socket.destroy = (error?: Error) => {
    if (!isDone) {
      isDone = true;
      // What Node has read already and, while it was paused, not handed out: `read` hands it out.
      while (socket.read() !== null);
      readRest(fd, onOutput);
      closeSync(farFd);
    }
    return destroy(error);
  };
}

function readRest(fd: number, onOutput: (chunk: Buffer) => void): void {
  for (;;) {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    try {
      const bytes = readSync(fd, buffer);
      if (bytes === 0) return;
      onOutput(buffer.subarray(0, bytes));
    } catch {
      return; // EAGAIN: there is no more.
    }
  }
}
