import type { Socket } from "node:net";
import {
  createFrameReader,
  encodeExit,
  encodeFrame,
  encodeJson,
  FRAME_MAX_BYTES,
  type Frame,
  type FrameReader,
  frameKinds,
  type TerminalSize,
} from "../../std/terminal-frames.ts";

/** What a viewer may leave unread before it is skipped ahead. */
const UNREAD_MAX_BYTES = 2 ** 20;

/** One who looks at a terminal. */
export interface Viewer {
  readonly socket: Socket;
  isReadOnly: boolean;
  size: TerminalSize | null;
  /** Until its hello came it is nobody. */
  isAttached: boolean;
  /** It has said that it leaves on purpose. */
  isLeaving: boolean;
  /** What was not shown to it because it was behind; null while it gets everything. */
  skippedBytes: number | null;
}

export interface ViewerListener {
  onFrame(viewer: Viewer, frame: Frame): void;
  /** It has read all that was sent to it. */
  onDrain(viewer: Viewer): void;
  onGone(viewer: Viewer): void;
}

/** A viewer that has just connected. What is none of our clients is sent away. */
export function createViewer(socket: Socket, listener: ViewerListener): Viewer {
  const viewer: Viewer = {
    socket,
    isReadOnly: true,
    size: null,
    isAttached: false,
    isLeaving: false,
    skippedBytes: null,
  };
  const reader = createFrameReader();
  socket.on("data", (chunk: Buffer) => {
    const frames = readFrames(reader, chunk);
    if (frames === null) socket.destroy();
    else for (const frame of frames) listener.onFrame(viewer, frame);
  });
  socket.on("drain", () => listener.onDrain(viewer));
  socket.on("close", () => listener.onGone(viewer));
  return viewer;
}

function readFrames(reader: FrameReader, chunk: Buffer): Frame[] | null {
  try {
    return reader.push(chunk);
  } catch {
    return null;
  }
}

/** Output as frames: made once for all viewers. */
export function outputFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += FRAME_MAX_BYTES)
    frames.push(encodeFrame(frameKinds.output, bytes.subarray(at, at + FRAME_MAX_BYTES)));
  return frames;
}

/** True while it has as much unread as it may have, and is not skipped already. */
export function isBehind({ isAttached, skippedBytes, socket }: Viewer): boolean {
  return isAttached && skippedBytes === null && socket.writableLength > UNREAD_MAX_BYTES;
}

/** Sends it the last output; one that was skipped is told so first. */
export function sendReplay(viewer: Viewer, replay: Buffer): void {
  const { socket, skippedBytes } = viewer;
  if (skippedBytes !== null) socket.write(encodeJson(frameKinds.notice, { skippedBytes }));
  viewer.skippedBytes = null;
  for (const frame of outputFrames(replay)) socket.write(frame);
}

/** Tells it that it is over. What has reached the kernel is still read by a viewer after we are gone. */
export function endViewer({ socket }: Viewer, exitCode: number, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const close = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    };
    const timer = setTimeout(close, deadlineMs);
    socket.end(encodeExit(exitCode), close);
  });
}
