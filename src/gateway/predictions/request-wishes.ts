import type { IncomingHttpHeaders } from "node:http";
import { parseDurationMs } from "../../std/duration.ts";
import { Failure } from "../../std/failure.ts";

/** How a client wants to hear of what it asks for. */
export interface Wishes {
  /** How long the answer may wait for the end of the prediction; 0 = it is told at once. */
  readonly waitMs: number;
  readonly isStream: boolean;
  /** The end of the connection cancels the prediction. */
  readonly isTied: boolean;
  /** It is given up when it is not done by then; null = never. */
  readonly cancelAfterMs: number | null;
}

/** The longest that a proxy or client may be expected to hold the line. */
const LONGEST_WAIT_MS = 600_000;
const REPLICATE_WAIT_MS = 60_000;

/**
 * Reads `Prefer`, `Accept`, `Cancel-After` and `X-Orch-Cancel-On-Disconnect`.
 * @param waitsUnasked as Cog does; Replicate's API answers at once unless it is asked to wait
 * @throws Failure param/invalid
 */
export function wishesOf(headers: IncomingHttpHeaders, waitsUnasked: boolean): Wishes {
  const prefer = String(headers["prefer"] ?? "").toLowerCase();
  const isTied = String(headers["x-orch-cancel-on-disconnect"] ?? "").toLowerCase() === "true";
  return {
    waitMs: waitOf(prefer, waitsUnasked),
    isStream: /\btext\/event-stream\b/i.test(headers.accept ?? ""),
    isTied,
    cancelAfterMs: cancelAfterOf(headers["cancel-after"]),
  };
}

function waitOf(prefer: string, waitsUnasked: boolean): number {
  if (/(^|,)\s*respond-async\s*(,|$)/.test(prefer)) return 0;
  const asked = /(?:^|,)\s*wait\s*(?:=\s*"?(\d{1,9})"?)?\s*(?:,|;|$)/.exec(prefer);
  if (asked === null) return waitsUnasked ? LONGEST_WAIT_MS : 0;
  const [, seconds] = asked;
  return seconds === undefined ? REPLICATE_WAIT_MS : Math.min(LONGEST_WAIT_MS, Number(seconds) * 1000);
}

/** "90", "90s", "5m", "1h 30m": seconds without a unit; at least 5 s, as with Replicate. */
function cancelAfterOf(given: string | string[] | undefined): number | null {
  if (given === undefined) return null;
  const text = String(given).trim();
  const bare = /^\d{1,9}$/.test(text) ? `${text}s` : text.replaceAll(" ", "");
  try {
    const ms = parseDurationMs(bare);
    if (ms >= 5_000) return ms;
  } catch {
    // Said below.
  }
  throw new Failure(
    "param/invalid",
    `the header cancel-after is not valid: ${JSON.stringify(text.slice(0, 50))}`,
    {
      why: "expected a time of 5 s or more, like 90s, 5m or 1h30m",
    },
  );
}
