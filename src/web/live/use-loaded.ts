import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "./api.ts";
import { useFeed } from "./use-live.ts";

/** Something that was asked for: what came last, and what went wrong since. */
export interface Loaded<T> {
  readonly value: T | null;
  readonly error: unknown;
  /** Asks again at once. */
  readonly reload: () => void;
}

/**
 * Loads something and keeps it fresh while it is shown: again when `key` changes, and whenever the host's state did, but no
 * more often than `everyMs`. What came last stays until something newer is there, so that nothing jumps.
 */
export function useLoaded<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
): Loaded<T> {
  const feed = useFeed();
  const [state, setState] = useState<{ key: string; value: T | null; error: unknown }>({
    key,
    value: null,
    error: null,
  });
  const [asked, setAsked] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  // biome-ignore lint/correctness/useExhaustiveDependencies: `asked` is there to begin anew
  useEffect(() => {
    const controller = new AbortController();
    let timer: number | undefined;
    let isWanted = false;
    let isResting = false;
    const run = async (): Promise<void> => {
      isResting = true;
      isWanted = false;
      try {
        const value = await latest.current(controller.signal);
        if (!controller.signal.aborted) setState({ key, value, error: null });
      } catch (error) {
        if (controller.signal.aborted) return;
        // Whoever is signed in no longer is told so by the feed.
        if (error instanceof ApiError && error.status === 401) feed.refresh();
        setState((old) => ({ key, value: old.key === key ? old.value : null, error }));
      }
      if (controller.signal.aborted) return;
      timer = window.setTimeout(() => {
        isResting = false;
        if (isWanted) void run();
      }, everyMs);
    };
    void run();
    const stop = feed.subscribe(() => {
      isWanted = true;
      if (!isResting) void run();
    });
    return () => {
      controller.abort();
      window.clearTimeout(timer);
      stop();
    };
  }, [key, everyMs, feed, asked]);
  const isOwn = state.key === key;
  return {
    value: isOwn ? state.value : null,
    error: isOwn ? state.error : null,
    reload: () => setAsked((count) => count + 1),
  };
}
