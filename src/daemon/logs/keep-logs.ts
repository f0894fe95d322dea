import type { Logger } from "pino";
import type { Config } from "../../config/config.ts";
import type { Paths } from "../../config/paths.ts";
import type { LogSizes, Masks } from "../../operations/context.ts";
import type { State, Worker } from "../../scheduler/model.ts";
import { isRequestId } from "../../scheduler/request-jobs.ts";
import type { Clock } from "../../std/clock.ts";
import type { DaemonPlaces } from "../places.ts";
import { createLogKeeper, type LiveLog } from "./log-keeper.ts";
import { sweepLogs } from "./sweep-logs.ts";

/** All logs of this daemon, from their first line to their removal. */
export interface KeptLogs {
  start(): void;
  stop(): void;
  /** Hides the secrets in what a worker and its jobs wrote last; to be called before its end is told. Never rejects. */
  settle(worker: Worker): Promise<void>;
  /** What logs take on disk. */
  sizes(): LogSizes;
}

interface Parts {
  readonly paths: Pick<Paths, "stateDir" | "jobsDir" | "workersDir">;
  readonly config: Pick<Config, "logMaxBytes" | "logKeepParts" | "logRotateEvery" | "logMaxAge" | "logTotal">;
  readonly state: () => State;
  readonly places: DaemonPlaces;
  readonly masks: Masks;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A start is busy enough; a daemon that lives for an hour sweeps once at least. */
const FIRST_SWEEP_MS = 60_000;
const SWEEP_EVERY_MS = 3_600_000;

/** Puts the keeping and the sweeping of logs together; nothing happens before `start`. */
export function keepLogs(parts: Parts): KeptLogs {
  const { paths, config, state, places, clock, log } = parts;
  const keeper = createLogKeeper({
    live: () => liveLogs(parts),
    limits: { maxBytes: config.logMaxBytes, keepParts: config.logKeepParts },
    rotateEveryMs: config.logRotateEvery,
    dir: paths.stateDir,
    clock,
    log,
  });
  let timer: NodeJS.Timeout | undefined;
  let measured: LogSizes["measured"] = null;
  const sweep = async (): Promise<void> => {
    const swept = await sweepLogs({
      jobsDir: paths.jobsDir,
      workersDir: paths.workersDir,
      isLiveJob: (id) => state().jobs.has(id),
      isLiveWorker: (id) => state().workers.has(id),
      nowMs: clock.nowMs(),
      maxAgeMs: config.logMaxAge,
      totalBytes: config.logTotal,
    });
    measured = { atMs: clock.nowMs(), bytes: swept.leftBytes };
    if (swept.files > 0) log.info(swept, "removed old logs");
  };
  const sweepIn = (ms: number): void => {
    timer = setTimeout(() => {
      sweep()
        .catch((error: unknown) => log.warn({ err: error }, "old logs could not be removed"))
        .finally(() => sweepIn(SWEEP_EVERY_MS));
    }, ms);
    timer.unref();
  };
  return {
    start() {
      keeper.start();
      sweepIn(FIRST_SWEEP_MS);
    },
    stop() {
      keeper.stop();
      clearTimeout(timer);
    },
    sizes: () => ({ liveBytes: keeper.liveBytes(), measured, limitBytes: config.logTotal }),
    async settle(worker) {
      for (const each of logsOf(worker, places, parts.masks)) await keeper.settle(each);
    },
  };
}

function* liveLogs({ state, places, masks }: Parts): Generator<LiveLog> {
  for (const worker of state().workers.values()) yield* logsOf(worker, places, masks);
  yield { file: places.daemonLog, mask: () => masks.ofAll() };
}

/** What a worker writes, and what its jobs do. */
function* logsOf(worker: Worker, places: DaemonPlaces, masks: Masks): Generator<LiveLog> {
  const { runtime, residency } = worker.lane.spec;
  if (residency === "resident")
    yield { file: places.workerLog(worker.id), mask: () => masks.ofRuntime(runtime) };
  for (const { id, attempts } of worker.jobs)
    if (!isRequestId(id))
      yield { file: places.attemptLog(id, attempts), mask: () => masks.ofJob({ id, runtime }) };
}
