import type { Report } from "../scheduler/events.ts";
import { forecastStart } from "../scheduler/forecast.ts";
import type { Job } from "../scheduler/job-model.ts";
import type { State } from "../scheduler/model.ts";

export interface PredictorOptions {
  readonly state: () => State;
  readonly report: (report: Report) => void;
  readonly nowMs: () => number;
  /** What went wrong: a forecast that fails costs its answer, not the daemon. */
  readonly warn: (error: unknown) => void;
  /** Between two predictions. Default: a minute. */
  readonly everyMs?: number;
}

const EVERY_MS = 60_000;
/** The job that is asked about is the last of so many of its lane: people ask about what they have just submitted. */
const DEPTH = 20;

/**
 * Foretells now and then when a waiting job will start, so that how good such answers are is known before anybody asks.
 * One lane at a time, each in turn; nothing while nothing waits.
 */
export function createPredictor({ state, report, nowMs, warn, everyMs = EVERY_MS }: PredictorOptions) {
  let lastLane = "";
  const predict = (): void => {
    const job = nextJob(state(), lastLane);
    if (job === undefined) return;
    lastLane = job.lane.spec.key;
    const { start } = forecastStart(state(), nowMs(), job);
    if (start !== null) report({ type: "eta-given", jobId: job.id, etaMs: start.atMs });
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    start(): void {
      timer = setInterval(() => {
        try {
          predict();
        } catch (error) {
          warn(error);
        }
      }, everyMs).unref();
    },
    stop: (): void => clearInterval(timer),
    predict,
  };
}

/** A waiting job, of the lane whose key comes next after `lastLane`, for which nothing was foretold yet. */
function nextJob(state: State, lastLane: string): Job | undefined {
  if (state.stopping) return undefined;
  const keys = [...state.waiting].filter((lane) => lane.queue.size > 0).map((lane) => lane.spec.key);
  const inTurn = keys.sort((left, right) => (left < right ? -1 : 1));
  const key = inTurn.find((each) => each > lastLane) ?? inTurn[0];
  const last = key === undefined ? undefined : state.lanes.get(key)?.queue.list(DEPTH).at(-1);
  return last === undefined || state.etas.has(last) ? undefined : state.jobs.get(last);
}
