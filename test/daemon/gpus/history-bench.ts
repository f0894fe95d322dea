import pino from "pino";
import { createHistoryRecorder, type HistoryRecorder } from "../../../src/daemon/gpus/record-history.ts";
import type { SampledGpu } from "../../../src/gpu/sample.ts";
import type { State } from "../../../src/scheduler/model.ts";
import { createState } from "../../../src/scheduler/state.ts";
import type { Database } from "../../../src/store/database.ts";
import { createJournal, type Journal } from "../../../src/store/journal.ts";
import { testPolicy } from "../../kit/policy.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
/** On a whole hour. */
export const T0 = 500_000 * HOUR_MS;

/** What a driver says of one GPU; what is left out is 0, or null where a driver may not tell. */
export interface Said {
  readonly gpu?: string;
  readonly load?: number | null;
  readonly used?: number;
  readonly foreign?: number;
  readonly watts?: number | null;
  readonly healthy?: boolean;
}

/** A GPU as it is sampled. */
export function sampled({
  gpu = "A",
  load = null,
  used = 0,
  foreign = 0,
  watts = null,
  healthy = true,
}: Said): SampledGpu {
  return {
    reading: {
      ...{ uuid: gpu, index: 0, name: gpu, numaNode: null, nvlinkPeers: [] },
      memory: { totalBytes: 1000, usedBytes: used, freeBytes: 1000 - used },
      ...{ utilizationPercent: load, temperatureCelsius: null, powerWatts: watts },
      health: healthy ? { ok: true } : { ok: false, detail: "lost" },
    },
    foreignBytes: foreign,
    processes: null,
  };
}

export interface Recorded {
  readonly recorder: HistoryRecorder;
  readonly journal: Journal;
  /** What the recorder told the daemon's log. */
  readonly logged: string[];
  readonly crashes: unknown[];
  /** One reading. */
  look(atMs: number, ...said: Said[]): void;
  /** A reading a second from `fromMs` up to and with `untilMs`. */
  watch(fromMs: number, untilMs: number, ...said: Said[]): void;
  /** Rows of one length of step, oldest first. */
  rows(stepMs: number): Row[];
  setRoom(isThere: boolean): void;
}

export interface Row {
  readonly at: number;
  readonly gpu: string;
  readonly seen: number;
  readonly load: number | null;
  readonly loadMax: number | null;
  readonly used: number;
  readonly usedMax: number;
  readonly power: number | null;
}

/** A recorder on a real database, told by hand what the driver says. */
export function record(
  db: Database,
  {
    state = createState(testPolicy()),
    isSlow = false,
    fineMs = 2 * HOUR_MS,
  }: { state?: State; isSlow?: boolean; fineMs?: number } = {},
): Recorded {
  const logged: string[] = [];
  const crashes: unknown[] = [];
  let isThere = true;
  const log = pino(
    {},
    { write: (line: string) => void logged.push((JSON.parse(line) as { msg: string }).msg) },
  );
  const journal = createJournal(db);
  const recorder = createHistoryRecorder({
    ...{ db, log, isSlow, journal, state: () => state },
    reserve: { isThere: () => isThere, refill: () => undefined },
    config: { gpuHistoryFine: fineMs, gpuHistoryMinutes: 48 * HOUR_MS, gpuHistoryHours: 365 * 24 * HOUR_MS },
    crash: (error) => crashes.push(error),
  });
  const select = db.prepare(
    `SELECT at, gpu, seen_ms AS seen, utilization_mean AS load, utilization_max AS loadMax, used_mean AS used,
       used_max AS usedMax, power_mean AS power FROM gpu_history WHERE step_ms = ? ORDER BY at, gpu`,
  );
  const look = (atMs: number, ...said: Said[]): void => recorder.note({ atMs, gpus: said.map(sampled) });
  return {
    ...{ recorder, journal, logged, crashes, look },
    watch(fromMs, untilMs, ...said) {
      for (let atMs = fromMs; atMs <= untilMs; atMs += 1_000) look(atMs, ...said);
    },
    rows: (stepMs) => select.all(stepMs) as Row[],
    setRoom(isNow) {
      isThere = isNow;
    },
  };
}
