const MINUTE_MS = 60_000;

/** How far back a view can look, in milliseconds. */
export const ranges = {
  "5m": 5 * MINUTE_MS,
  "15m": 15 * MINUTE_MS,
  "30m": 30 * MINUTE_MS,
  "1h": 60 * MINUTE_MS,
  "6h": 360 * MINUTE_MS,
  "24h": 1_440 * MINUTE_MS,
  "7d": 10_080 * MINUTE_MS,
} as const;
export type RangeName = keyof typeof ranges;

/** The range that a view begins with: all since the daemon started, up to half an hour. */
export function rangeSince(startedAt: string | undefined, nowMs: number): RangeName {
  const upMs = startedAt === undefined ? Number.POSITIVE_INFINITY : nowMs - Date.parse(startedAt);
  if (upMs < ranges["5m"]) return "5m";
  return upMs < ranges["15m"] ? "15m" : "30m";
}
