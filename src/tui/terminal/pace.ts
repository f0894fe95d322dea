/** Ten frames a second at most. */
const FRAME_MS = 100;

/** When frames are drawn. */
export interface Pace {
  /** A frame as soon as one may be: at once after a pause, so that a key is seen without delay. */
  request(): void;
  /** A frame now, whenever the last one was. */
  now(): void;
  /** None while the terminal is somebody else's. */
  pause(isPaused: boolean): void;
  readonly isPaused: boolean;
}

/** Calls `frame` at the pace of the screen. */
export function createPace(monotonicMs: () => number, frame: () => void): Pace {
  let isPaused = false;
  let timer: NodeJS.Timeout | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  const now = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (isPaused) return;
    lastMs = monotonicMs();
    frame();
  };
  return {
    now,
    request() {
      timer ??= setTimeout(now, Math.max(0, lastMs + FRAME_MS - monotonicMs()));
    },
    pause(paused) {
      isPaused = paused;
    },
    get isPaused() {
      return isPaused;
    },
  };
}
