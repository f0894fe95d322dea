import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "../../client/client.ts";
import type { EventView } from "../../protocol/views.ts";

/** Events as they come, also over restarts of the daemon. */
export interface EventTail {
  /** Those that came since this was last asked. */
  take(): readonly EventView[];
}

export const EVENTS_KEPT = 500;
const FIRST = 200;
const RETRY_MS = 1_000;

/** Follows the daemon's events until the signal aborts; calls `onNews` for each. */
export function followEvents(client: Client, signal: AbortSignal, onNews: () => void): EventTail {
  let fresh: EventView[] = [];
  let lastSeq: number | null = null;
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      const from = lastSeq === null ? { limit: FIRST } : { after: lastSeq };
      try {
        for await (const event of client.stream("GET /events", { follow: true, ...from }, { signal })) {
          lastSeq = event.seq;
          if (fresh.push(event) > 2 * EVENTS_KEPT) fresh = fresh.slice(-EVENTS_KEPT);
          onNews();
        }
      } catch {
        // Whoever asks for the state says what is wrong.
      }
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  void follow();
  return {
    take() {
      const taken = fresh;
      fresh = [];
      return taken;
    },
  };
}
