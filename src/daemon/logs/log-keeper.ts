import fs from "node:fs/promises";
import type { Logger } from "pino";
import { lastNotedSize, noteTime } from "../../log/log-times.ts";
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
}

export interface LogKeeperOptions {
  readonly live: () => Iterable<LiveLog>;
  readonly limits: RotationLimits;
  /** A folder on the disk of the logs, for trying out what it can do. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The resolution of times in logs. */
const LOOK_EVERY_MS = 1_000;
/** What failed for want of space will not work a second later either. */
const TRY_AGAIN_MS = 30_000;

interface Kept {
  readonly log: LiveLog;
  /** As of the last look that went well. Bytes. */
  size: number;
  /** So much of it was looked through for secrets; what stood there before this daemon is looked through once more. */
  scrubbed: number;
  /** So much was noted with its time; null = what an earlier daemon noted has to be read first. */
  noted: number | null;
  restUntilMs: number;
  /** The look that is under way. */
  busy: Promise<void> | null;
}

/** Looks at each log that is written once a second: a status call each, and work only for those that grew. */
export function createLogKeeper(options: LogKeeperOptions): LogKeeper {
  const { clock, log, limits } = options;
  const kept = new Map<string, Kept>();
  let timer: NodeJS.Timeout | undefined;

  const mayRotate = createPunchProbe(options);
  const look = async ({ file, mask }: LiveLog, entry: Kept): Promise<void> => {
    const stat = await fs.stat(file).catch(() => null);
    if (stat === null || stat.size === entry.size || clock.monotonicMs() < entry.restUntilMs) return;
    const { size } = stat;
    entry.scrubbed = await scrubLog(file, entry.scrubbed, size, mask());
    entry.noted ??= await lastNotedSize(file);
    if (entry.noted < size) await noteTime(file, { atMs: Math.min(clock.nowMs(), stat.mtimeMs), size });
    entry.noted = size;
    // Only what was looked through: a packed part is not looked at again.
    if (size > limits.maxBytes && (await mayRotate())) await rotateLog(file, entry.scrubbed, limits);
    entry.size = size;
  };
  const lookSafely = (entry: Kept): Promise<void> =>
    look(entry.log, entry).catch((error: unknown) => {
      entry.restUntilMs = clock.monotonicMs() + TRY_AGAIN_MS;
      log.warn({ file: entry.log.file, err: error }, "a log could not be looked after; it is tried again");
    });
  const entryOf = (each: LiveLog): Kept => {
    const fresh = { log: each, size: 0, scrubbed: 0, noted: null, restUntilMs: 0, busy: null };
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
