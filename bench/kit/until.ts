import { setTimeout as sleep } from "node:timers/promises";

/** Polls until `look` gives something other than null, undefined or false; fails after `deadlineMs`. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { deadlineMs = 60_000, pollMs = 10 } = {},
): Promise<Exclude<T, null | undefined | false>> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false)
      return found as Exclude<T, null | undefined | false>;
    if (performance.now() > endMs) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`);
    await sleep(pollMs);
  }
}
