import fs from "node:fs/promises";
import type { Logger } from "pino";
import { listParts, liveStart } from "../../log/log-parts.ts";
import { lastNotedSize, noteTime, readTimes, timeAt } from "../../log/log-times.ts";
import type { Mask } from "../../log/mask.ts";
import { sizeOfLog } from "../../log/raw-log.ts";
import { canPunch, type RotationLimits, rotateLog } from "../../log/rotate-log.ts";
import { scrubLog } from "../../log/scrub-log.ts";
import type { Clock } from "../../std/clock.ts";

/** A log that somebody writes to. */
export interface LiveLog {
  readonly file: string;
  /** What is hidden in it. */
  readonly mask: () => Mask;
}

/** Looks after logs while they are written: notes when they grew, hides secrets in them, rotates them. */
export interface LogKeeper {
  start(): void;
  stop(): void;
  /** To be called when nothing will be written any more: hides the secrets in what came last. Never rejects. */
  settle(log: LiveLog): Promise<void>;
  /** What the files take on disk that are written to, packed parts not counted. As of the last look. */
  liveBytes(): number;
}

export interface LogKeeperOptions {
  readonly live: () => Iterable<LiveLog>;
  readonly limits: RotationLimits;
  /** What stands in a file may become this old before it is packed; null = only its size counts. */
  readonly rotateEveryMs?: number | null;
  /** A folder on the disk of the logs, for trying out what it can do. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The resolution of times in logs. */
const LOOK_EVERY_MS = 1_000;
/** What failed for want of space will not work a second later either. */
const TRY_AGAIN_MS = 30_000;
/** The unit of st_blocks; see stat(2). */
const BLOCK_BYTES = 512;

interface Kept {
  readonly log: LiveLog;
  /** As of the last look that went well. Bytes. */
  size: number;
  /** So much of it was looked through for secrets; what stood there before this daemon is looked through once more. */
  scrubbed: number;
  /** So much was noted with its time; null = what an earlier daemon noted has to be read first. */
  noted: number | null;
  /** When what stands in the file began to be written; null = that has to be read first. */
  beganMs: number | null;
  /** Without holes. Bytes. */
  diskBytes: number;
  restUntilMs: number;
  /** The look that is under way. */
  busy: Promise<void> | null;
}

/** Looks at each log that is written once a second: a status call each, and work only for those that grew. */
export function createLogKeeper(options: LogKeeperOptions): LogKeeper {
  const { clock, log, limits } = options;
  const kept = new Map<string, Kept>();
  let timer: NodeJS.Timeout | undefined;

  const look = createLook(options);
  const lookSafely = (entry: Kept): Promise<void> =>
    look(entry).catch((error: unknown) => {
      entry.restUntilMs = clock.monotonicMs() + TRY_AGAIN_MS;
      log.warn({ file: entry.log.file, err: error }, "a log could not be looked after; it is tried again");
    });
  const entryOf = (each: LiveLog): Kept => {
    const fresh = {
      ...{ log: each, size: 0, scrubbed: 0, noted: null, beganMs: null },
      ...{ diskBytes: 0, restUntilMs: 0, busy: null },
    };
    const entry = kept.get(each.file) ?? fresh;
    kept.set(each.file, entry);
    return entry;
  };
  const lookAtAll = (): void => {
    const seen = new Set<string>();
    for (const each of options.live()) {
      seen.add(each.file);
      const entry = entryOf(each);
      entry.busy ??= lookSafely(entry).finally(() => {
        entry.busy = null;
      });
    }
    for (const [file, entry] of kept) {
      // Over since the last look: what came after that is looked at once more.
      if (!seen.has(file)) entry.busy ??= lookSafely(entry).finally(() => kept.delete(file));
    }
  };
  return {
    start() {
      timer = setInterval(lookAtAll, LOOK_EVERY_MS);
      timer.unref();
    },
    stop: () => clearInterval(timer),
    liveBytes: () => [...kept.values()].reduce((sum, { diskBytes }) => sum + diskBytes, 0),
    async settle(each) {
      const { file } = each;
      // Most programs end between two looks and leave little: only large logs are worth another one.
      void sizeOfLog(file).then((bytes) => bytes > limits.maxBytes && entryOf(each));
      const hidden = each.mask();
      if (hidden.isEmpty) return;
      const entry = entryOf(each);
      await entry.busy;
      const size = await sizeOfLog(file);
      try {
        entry.scrubbed = await scrubLog(file, entry.scrubbed, size, hidden);
      } catch (error) {
        log.warn({ file, err: error }, "secrets in a log could not be hidden");
      }
    },
  };
}

/** One look at a log: notes its growth, hides secrets in what came, and rotates it when it is too large or too old. */
function createLook(options: LogKeeperOptions): (entry: Kept) => Promise<void> {
  const { clock, limits, rotateEveryMs = null } = options;
  const mayRotate = createPunchProbe(options);
  return async (entry) => {
    const { file, mask } = entry.log;
    const stat = await fs.stat(file).catch(() => null);
    entry.diskBytes = (stat?.blocks ?? 0) * BLOCK_BYTES;
    if (stat === null || clock.monotonicMs() < entry.restUntilMs) return;
    const isAged = rotateEveryMs !== null && clock.nowMs() - (await beginning(entry, clock)) > rotateEveryMs;
    if (stat.size === entry.size && !isAged) return;
    const { size } = stat;
    entry.scrubbed = await scrubLog(file, entry.scrubbed, size, mask());
    entry.noted ??= await lastNotedSize(file);
    if (entry.noted < size) await noteTime(file, { atMs: Math.min(clock.nowMs(), stat.mtimeMs), size });
    entry.noted = size;
    // Only what was looked through: a packed part is not looked at again.
    if ((size > limits.maxBytes || isAged) && (await mayRotate()))
      await rotateLog(file, entry.scrubbed, limits, isAged);
    if (isAged) entry.beganMs = clock.nowMs();
    entry.size = size;
  };
}

/** When the first line was written that no part has; now, where there is none. */
async function beginning(entry: Kept, clock: Clock): Promise<number> {
  if (entry.beganMs === null) {
    const { file } = entry.log;
    const [parts, times] = [await listParts(file), await readTimes(file)];
    entry.beganMs = timeAt(times, liveStart(parts)) ?? clock.nowMs();
  }
  return entry.beganMs;
}

/** Tries out once whether files on this disk can have holes, when that is first asked. */
function createPunchProbe({ dir, log }: LogKeeperOptions): () => Promise<boolean> {
  let answer: Promise<boolean> | null = null;
  return () => {
    answer ??= canPunch(dir).then((can) => {
      if (!can) log.warn({ dir }, "logs are not rotated: files on this disk cannot be given holes");
      return can;
    });
    return answer;
  };
}
