import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { must } from "../../std/assert.ts";
import { systemClock } from "../../std/clock.ts";
import type { Live, LiveFeed } from "./live.ts";

/** The one feed of the page. */
export const LiveContext = createContext<LiveFeed | null>(null);

/** What is known of the host; the component is drawn again whenever that changes. */
export function useLive(): Live {
  const feed = useFeed();
  const [, drawAgain] = useState(0);
  useEffect(() => feed.subscribe(() => drawAgain((count) => count + 1)), [feed]);
  return feed.get();
}

/** The feed itself, for those who did something and want to see it at once. */
export function useFeed(): LiveFeed {
  return must(useContext(LiveContext) ?? undefined, "the page has a feed");
}

/** The time, again every second (or so often), for ages and durations. Milliseconds since 1970. */
export function useNow(everyMs = 1000): number {
  const [nowMs, setNowMs] = useState(systemClock.nowMs());
  useEffect(() => {
    const timer = window.setInterval(() => setNowMs(systemClock.nowMs()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}
