import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { GpuSample } from "../../gpu/sample.ts";
import type { State } from "../../scheduler/model.ts";
import { toFailure } from "../../std/failure.ts";
import type { Database } from "../../store/database.ts";
import { createGpuHistoryWriter, type GpuSeen } from "../../store/gpu-history.ts";
import type { Journal } from "../../store/journal.ts";
import type { Reserve } from "../reserve.ts";
import { createGpuSteps } from "./gpu-steps.ts";

/** Keeps what the GPUs do on disk. */
export interface HistoryRecorder {
  /** Takes what the driver said. Never throws: a history that cannot be written is no reason to stop. */
  note(sample: Pick<GpuSample, "atMs" | "gpus">): void;
  /** Writes the step that is not over, too. */
  stop(): void;
}

interface Parts {
  /** Its transaction may be open for the loop, since what is large takes many turns. */
  readonly journal: Pick<Journal, "begin" | "isOpen" | "commit" | "undo">;
  readonly db: Database;
  /** While it is given away there is no disk space to spare. */
  readonly reserve: Pick<Reserve, "isThere" | "refill">;
  readonly state: () => State;
  readonly config: Pick<Config, "gpuHistoryFine" | "gpuHistoryMinutes" | "gpuHistoryHours">;
  /** Whether the driver is asked every 5 s only, and may take 10 s, and not every second. */
  readonly isSlow: boolean;
  readonly log: Logger;
  /** The disk does not keep what is written to it: nobody knows any more what is on it. */
  readonly crash: (error: unknown) => void;
}

/** Steps that wait while nothing can be written, five minutes of them; the oldest are given up then. */
const MOST_WAITING = 60;
/** Of these so many are written at once. */
const WRITTEN_AT_ONCE = 12;
const PRUNE_EVERY_MS = 60_000;
/** A longer time between two readings is one in which nobody looked. */
const LONGEST_GAP_MS = 5_000;
const LONGEST_GAP_IF_SLOW_MS = 15_000;

/**
 * Each step is one small transaction of the loop's own connection when it is over, or waits while somebody else writes. A
 * connection of its own would hold the lock that the loop's commits need: each that meets it comes 25 ms late.
 */
export function createHistoryRecorder(parts: Parts): HistoryRecorder {
  const { db, journal, reserve, log } = parts;
  const { gpuHistoryFine, gpuHistoryMinutes, gpuHistoryHours } = parts.config;
  const keepMs = [gpuHistoryFine, gpuHistoryMinutes, gpuHistoryHours];
  const writer = createGpuHistoryWriter(db);
  const steps = createGpuSteps(parts.state, parts.isSlow ? LONGEST_GAP_IF_SLOW_MS : LONGEST_GAP_MS);
  let waiting: (readonly GpuSeen[])[] = [];
  let prunedAtMs = Number.NEGATIVE_INFINITY;
  let trouble: string | null = null;
  const flush = (nowMs: number): void => {
    waiting = waiting.slice(-MOST_WAITING);
    if (waiting.length === 0 || journal.isOpen()) return;
    reserve.refill(); // Nobody else does while nothing is committed.
    if (!reserve.isThere()) return;
    const batch = waiting.slice(0, WRITTEN_AT_ONCE);
    // A clock that was set back makes it due, too.
    const isPruneDue = Math.abs(nowMs - prunedAtMs) >= PRUNE_EVERY_MS;
    let isMoreToPrune = false;
    try {
      journal.begin();
      writer.add(batch.flat());
      if (isPruneDue) isMoreToPrune = writer.prune(nowMs, keepMs);
      journal.commit();
    } catch (error) {
      journal.undo();
      return giveUp(error, batch.length);
    }
    waiting = waiting.slice(batch.length);
    if (isPruneDue && !isMoreToPrune) prunedAtMs = nowMs;
    if (trouble !== null) log.info("the GPU history is written again");
    trouble = null;
  };
  const giveUp = (error: unknown, tried: number): void => {
    const { code } = toFailure(error);
    if (code === "store/failing" || code === "store/damaged") return parts.crash(error);
    if (code === "bug") waiting = waiting.slice(tried); // They would not be written the next time either.
    if (code === "store/busy" || code === trouble) return;
    log.warn({ err: error }, "the GPU history cannot be written");
    trouble = code;
  };
  return {
    note(sample) {
      waiting.push(...steps.take(sample));
      flush(sample.atMs);
    },
    stop() {
      waiting.push(...steps.rest());
      const nowMs = waiting.at(-1)?.[0]?.atMs ?? 0;
      for (let left = Number.POSITIVE_INFINITY; waiting.length < left; ) {
        left = waiting.length;
        flush(nowMs);
      }
    },
  };
}
