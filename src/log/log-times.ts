import fs from "node:fs/promises";
import { timesFile } from "./log-parts.ts";

/** At some time the log had some size. Milliseconds since 1970, bytes. */
export interface LogTime {
  readonly atMs: number;
  readonly size: number;
}

/** Notes how large a log is now. @throws the system's error, of a full disk for example */
export async function noteTime(file: string, { atMs, size }: LogTime): Promise<void> {
  await fs.appendFile(timesFile(file), `${Math.round(atMs)} ${size}\n`, { mode: 0o600 });
}

/**
 * The times of a log in order, ending with when its file was last written to. A line that a full disk cut off, or a clock that
 * was set back, is passed over.
 */
export async function readTimes(file: string): Promise<LogTime[]> {
  const noted = await readNoted(file);
  const stat = await fs.stat(file).catch(() => null);
  const last = stat === null ? [] : [{ atMs: stat.mtimeMs, size: stat.size }];
  const times: LogTime[] = [];
  for (const time of [...noted, ...last]) {
    const before = times.at(-1);
    if (time.size > (before?.size ?? 0) && time.atMs >= (before?.atMs ?? 0)) times.push(time);
  }
  return times;
}

/** What `noteTime` has noted. */
async function readNoted(file: string): Promise<LogTime[]> {
  const text = await fs.readFile(timesFile(file), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+) (\d+)$/.exec(line);
    return match === null ? [] : [{ atMs: Number(match[1]), size: Number(match[2]) }];
  });
}

/** The size noted last; 0 when none was. Bytes. */
export async function lastNotedSize(file: string): Promise<number> {
  return (await readNoted(file)).at(-1)?.size ?? 0;
}

/** Everything from this offset on was written after `sinceMs`; a little of what was written before may be, too. */
export function offsetSince(times: readonly LogTime[], sinceMs: number): number {
  return times.findLast(({ atMs }) => atMs < sinceMs)?.size ?? 0;
}

/** Everything up to this offset was written by `untilMs`, or a little later; null = all that there is. */
export function offsetUntil(times: readonly LogTime[], untilMs: number): number | null {
  return times.find(({ atMs }) => atMs >= untilMs)?.size ?? null;
}

/** When the byte at `offset` was there for sure; null = it was not noted yet. */
export function timeAt(times: readonly LogTime[], offset: number): number | null {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle]?.size ?? 0) > offset) high = middle;
    else low = middle + 1;
  }
  return times[low]?.atMs ?? null;
}
