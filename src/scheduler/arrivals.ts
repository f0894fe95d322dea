/** How many jobs came to a lane, older ones counting less and less. */
export interface Arrivals {
  readonly count: number;
  /** As of when the count holds, and since when there is one. */
  readonly atMs: number;
  readonly sinceMs: number;
}

/** Arrivals fade over this time: a season. Shorter memories take every lull for a change of habits. Milliseconds. */
const MEMORY_MS = 90 * 86_400_000;

/** One more job came. `first` is when the first job of any lane did. */
export function withArrival(arrivals: Arrivals | null, nowMs: number, firstMs: number): Arrivals {
  if (arrivals === null) return { count: 1, atMs: nowMs, sinceMs: firstMs };
  const left = Math.exp(-Math.max(0, nowMs - arrivals.atMs) / MEMORY_MS);
  return { count: arrivals.count * left + 1, atMs: nowMs, sinceMs: arrivals.sinceMs };
}

/** Arrivals per millisecond: the faded count over the time that it stands for. 0 for a lane to which nothing came. */
export function arrivalsPerMs(arrivals: Arrivals | null, nowMs: number): number {
  if (arrivals === null) return 0;
  const left = Math.exp(-Math.max(0, nowMs - arrivals.atMs) / MEMORY_MS);
  const spanMs = MEMORY_MS * (1 - Math.exp(-Math.max(1, nowMs - arrivals.sinceMs) / MEMORY_MS));
  return (arrivals.count * left) / spanMs;
}
