import type { ApiLimit } from "../std/api-key.ts";

/** So many in so much time; what was not used is there later, up to the whole count at once. */
export class TokenBucket {
  private readonly limit: ApiLimit;
  private level: number;
  private atMs: number;

  /** @param level how many there were at that time; full when left out */
  constructor(limit: ApiLimit, atMs: number, level = limit.count) {
    this.limit = limit;
    this.level = Math.min(level, limit.count);
    this.atMs = atMs;
  }

  /** Takes some, if that many are there. @returns 0, or milliseconds until they would be (infinite: never) */
  take(count: number, atMs: number): number {
    const level = this.levelAt(atMs);
    this.level = level;
    this.atMs = atMs;
    if (count > this.limit.count) return Number.POSITIVE_INFINITY;
    if (level >= count) {
      this.level -= count;
      return 0;
    }
    return Math.ceil(((count - level) * this.limit.perMs) / this.limit.count);
  }

  levelAt(atMs: number): number {
    const { count, perMs } = this.limit;
    // The clock may have been set back.
    const passedMs = Math.max(0, atMs - this.atMs);
    return Math.min(count, this.level + (passedMs * count) / perMs);
  }

  isFull(atMs: number): boolean {
    return this.levelAt(atMs) >= this.limit.count;
  }
}
