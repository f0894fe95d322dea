import type { Socket } from "node:net";
import {
  decodeHello,
  decodeResize,
  type Frame,
  frameKinds,
  type TerminalSize,
} from "../../std/terminal-frames.ts";
import { createViewer, endViewer, isBehind, outputFrames, sendReplay, type Viewer } from "./pty-viewer.ts";

/** More at once are a mistake; each may cost some memory. */
const VIEWERS_MAX = 32;

export interface ViewersOptions {
  /** False: it wants no more for now, see `resumeInput`. */
  onInput(input: Buffer): boolean;
  /** The terminal is to have this size. */
  onSize(size: TerminalSize): void;
  /** The last output, for one who has just come. */
  replay(): Buffer;
  /** One more was attached. */
  onCome(): void;
  /** The last one has left; `onPurpose`: to come back. */
  onAlone(onPurpose: boolean): void;
  /** Some viewer has read what it was behind with. */
  onDrain(): void;
}

/** All who look at one terminal. */
export interface Viewers {
  add(socket: Socket): void;
  /** Hands output to all. */
  show(chunk: Buffer): void;
  /** True while somebody is behind: see pty-viewer.ts. */
  isBehind(): boolean;
  /** Those who are behind get nothing until they have read all; then they begin with the last output. */
  skipBehind(): void;
  resumeInput(): void;
  /** Tells all that it is over. Resolves when they have taken it, or after `deadlineMs`. */
  end(exitCode: number, deadlineMs: number): Promise<void>;
}

/** Nobody looks yet. */
export function createViewers(options: ViewersOptions): Viewers {
  const crowd = new Crowd(options);
  const all = crowd.viewers;
  return {
    add: (socket) => crowd.add(socket),
    show(chunk) {
      const frames = all.size === 0 ? [] : outputFrames(chunk);
      for (const viewer of all) {
        if (!viewer.isAttached) continue;
        if (viewer.skippedBytes !== null) viewer.skippedBytes += chunk.length;
        else for (const frame of frames) viewer.socket.write(frame);
      }
    },
    isBehind: () => [...all].some(isBehind),
    skipBehind() {
      for (const viewer of all) if (isBehind(viewer)) viewer.skippedBytes = 0;
    },
    resumeInput() {
      for (const { socket } of all) socket.resume();
    },
    async end(exitCode, deadlineMs) {
      // One that has come too late to be greeted is to see how it ended all the same.
      for (const viewer of all) {
        if (!viewer.isAttached || viewer.skippedBytes !== null) sendReplay(viewer, options.replay());
      }
      await Promise.all([...all].map((viewer) => endViewer(viewer, exitCode, deadlineMs)));
    },
  };
}

/** Who is there, in the order in which they were last active: the last one decides the size. */
class Crowd {
  readonly viewers = new Set<Viewer>();
  private readonly options: ViewersOptions;

  constructor(options: ViewersOptions) {
    this.options = options;
  }

  add(socket: Socket): void {
    socket.on("error", () => socket.destroy());
    if (this.viewers.size >= VIEWERS_MAX) return void socket.destroy();
    const viewer = createViewer(socket, {
      onFrame: (from, frame) => (from.isAttached ? this.hear(from, frame) : this.greet(from, frame)),
      onDrain: (from) => {
        if (from.skippedBytes !== null) sendReplay(from, this.options.replay());
        this.options.onDrain();
      },
      onGone: (from) => this.leave(from),
    });
    this.viewers.add(viewer);
  }

  private greet(viewer: Viewer, frame: Frame): void {
    const hello = frame.kind === frameKinds.hello ? decodeHello(frame.payload) : null;
    if (hello === null) return void viewer.socket.destroy();
    Object.assign(viewer, { isReadOnly: hello.readOnly, size: hello.size, isAttached: true });
    sendReplay(viewer, this.options.replay());
    this.activate(viewer);
    this.options.onCome();
  }

  private hear(viewer: Viewer, { kind, payload }: Frame): void {
    if (kind === frameKinds.detach) {
      viewer.isLeaving = true;
      viewer.socket.end();
    } else if (kind === frameKinds.resize) {
      viewer.size = decodeResize(payload) ?? viewer.size;
      this.activate(viewer);
    } else if (kind === frameKinds.input && !viewer.isReadOnly) {
      if ([...this.viewers].at(-1) !== viewer) this.activate(viewer);
      if (!this.options.onInput(payload)) viewer.socket.pause();
    }
  }

  private leave(viewer: Viewer): void {
    if (!this.viewers.delete(viewer) || !viewer.isAttached) return;
    this.decideSize();
    if (![...this.viewers].some(({ isAttached }) => isAttached)) this.options.onAlone(viewer.isLeaving);
  }

  private activate(viewer: Viewer): void {
    this.viewers.delete(viewer);
    this.viewers.add(viewer);
    this.decideSize();
  }

  private decideSize(): void {
    const deciding = [...this.viewers].filter(
      ({ isAttached, isReadOnly, size }) => isAttached && !isReadOnly && size !== null,
    );
    const size = deciding.at(-1)?.size;
    if (size) this.options.onSize(size);
  }
}
