import { systemClock } from "../../std/clock.ts";

/** The stream in which the daemon tells what changes. */
export interface StateEvents {
  /** Whether it is open and has said something, so that what it does not say has not changed. */
  isGood(): boolean;
  /** What it should have said has been asked for: it was silent because nothing happened. */
  isConfirmed(): void;
  /** Opens it, unless it is open or was refused a short while ago. */
  open(): void;
  close(): void;
}

/** A stream that said nothing for so long may be dead. */
const SILENCE_MS = 30_000;
const REFUSED_MS = 30_000;

/** @param onBreak hears that the stream broke off or was refused */
export function createStateEvents(onState: (json: string) => void, onBreak: () => void): StateEvents {
  let source: EventSource | null = null;
  let heardMs: number | null = null;
  let refusedMs = Number.NEGATIVE_INFINITY;
  const nowMs = systemClock.monotonicMs;
  return {
    isGood: () =>
      source?.readyState === EventSource.OPEN && heardMs !== null && nowMs() - heardMs < SILENCE_MS,
    isConfirmed() {
      if (source?.readyState === EventSource.OPEN && heardMs !== null) heardMs = nowMs();
    },
    open() {
      if (source !== null || nowMs() - refusedMs < REFUSED_MS) return;
      source = new EventSource("/dashboard/events");
      source.addEventListener("state", ({ data }) => {
        heardMs = nowMs();
        onState(String(data));
      });
      source.addEventListener("error", () => {
        heardMs = null;
        // The browser tries again by itself, unless it was refused: then it is closed.
        if (source?.readyState === EventSource.CLOSED) {
          source = null;
          refusedMs = nowMs();
        }
        onBreak();
      });
    },
    close() {
      source?.close();
      source = null;
      heardMs = null;
      refusedMs = Number.NEGATIVE_INFINITY;
    },
  };
}
