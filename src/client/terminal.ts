import { connect } from "node:net";
import {
  createFrameReader,
  decodeExit,
  decodeNotice,
  encodeFrame,
  encodeJson,
  encodeResize,
  type Frame,
  frameKinds,
  type Hello,
  type TerminalSize,
} from "../std/terminal-frames.ts";

export interface TerminalListener {
  /** False: no more for now, see `resume`. */
  onOutput(bytes: Buffer): boolean;
  /** This viewer was too slow for so much; what follows begins with the last output. */
  onSkipped(bytes: number): void;
  /** What was typed has gone out. */
  onDrain(): void;
}

/** A viewer's connection to the terminal of a job. The daemon has no part in it. */
export interface TerminalConnection {
  /** False: no more for now, `onDrain` follows. */
  type(input: Uint8Array): boolean;
  resize(size: TerminalSize): void;
  resume(): void;
  /** Leaves on purpose: the program goes on for as long as it likes. */
  detach(): void;
  /** Goes without a word, as a terminal that is closed does. */
  close(): void;
  /** The program's exit code; null when the connection ended without one. Never rejects. */
  readonly ended: Promise<number | "detached" | null>;
}

/** What is longer goes out in pieces, so that a paste never meets the limit of a frame. */
const INPUT_PIECE_BYTES = 64 * 1024;
/** A holder that does not let go of us within this is left as it is. */
const DETACH_DEADLINE_MS = 1_000;

/** Connects to a terminal's socket. Rejects with the system's error (ENOENT, ECONNREFUSED, EACCES). */
export function openTerminal(
  path: string,
  hello: Hello,
  listener: TerminalListener,
): Promise<TerminalConnection> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const reader = createFrameReader();
    let how: number | "detached" | null = null;
    const hear = (frame: Frame): void => {
      if (frame.kind === frameKinds.output && !listener.onOutput(frame.payload)) socket.pause();
      else if (frame.kind === frameKinds.exit) how = decodeExit(frame.payload);
      else if (frame.kind === frameKinds.notice)
        listener.onSkipped(decodeNotice(frame.payload)?.skippedBytes ?? 0);
    };
    const ended = new Promise<number | "detached" | null>((end) => {
      socket.once("close", () => end(how));
    });
    socket.once("error", reject);
    socket.on("data", (chunk: Buffer) => {
      try {
        for (const frame of reader.push(chunk)) hear(frame);
      } catch {
        socket.destroy(); // Not a terminal of ours: it ends without an exit code.
      }
    });
    socket.on("drain", () => listener.onDrain());
    socket.once("connect", () => {
      socket.on("error", () => socket.destroy());
      socket.write(encodeJson(frameKinds.hello, hello));
      resolve({
        type(input) {
          let isTaken = true;
          for (let at = 0; at < input.length; at += INPUT_PIECE_BYTES)
            isTaken = socket.write(encodeFrame(frameKinds.input, input.subarray(at, at + INPUT_PIECE_BYTES)));
          return isTaken;
        },
        resize: (size) => void socket.write(encodeResize(size)),
        resume: () => void socket.resume(),
        detach() {
          how = "detached";
          socket.end(encodeFrame(frameKinds.detach));
          setTimeout(() => socket.destroy(), DETACH_DEADLINE_MS).unref();
        },
        close: () => void socket.destroy(),
        ended,
      });
    });
  });
}
