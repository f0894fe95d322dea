import type { Feed, Notice } from "./context.ts";

/** Sleeps until something of interest happened, a time is up, or the caller went away. */
export interface Waker {
  /** Returns at once if something of interest has happened since the last call. */
  wait(timeoutMs?: number): Promise<void>;
  close(): void;
}

/** Starts listening now, so that nothing between a look at the state and the wait is missed. */
export function createWaker(feed: Feed, matters: (notice: Notice) => boolean, signal: AbortSignal): Waker {
  let news = false;
  let wake = (): void => {};
  const ring = (): void => {
    news = true;
    wake();
  };
  const stopListening = feed.listen((notice) => {
    if (matters(notice)) ring();
  });
  signal.addEventListener("abort", ring);
  return {
    async wait(timeoutMs) {
      if (!news && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      news = false;
    },
    close() {
      stopListening();
      signal.removeEventListener("abort", ring);
    },
  };
}
