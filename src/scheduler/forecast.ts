import { remainingMs } from "./claims.ts";
import { copyState, MOST_DEADLINES } from "./copy-state.ts";
import { type Decision, decisionsOf } from "./decisions.ts";
import { laneRunMs, sleepMs, startMs, stopMs, wakeMs } from "./estimate.ts";
import type { NewJob, Reply } from "./events.ts";
import { type Explanation, explainJob } from "./explain.ts";
import { type Durations, fastForward } from "./fast-forward.ts";
import type { Job } from "./job-model.ts";
import type { Lane, State, Worker } from "./model.ts";

/** What the scheduler would do from now on if nothing came from outside and all took as long as it is known to take. */
export interface Forecast {
  /** In order of time. */
  readonly decisions: readonly Decision[];
  /** The virtual time it reaches. */
  readonly untilMs: number;
  /** Nothing is left to happen after it: what has not started by then never will as things stand. */
  readonly isComplete: boolean;
  /** The answer to the job that was submitted in it, and why it would wait at first. */
  readonly reply: Reply | null;
  readonly reason: Explanation | null;
}

/** What happens until a job starts. */
export interface StartForecast extends Forecast {
  /** Null when it is not to be seen, e.g. because a person holds the job. */
  readonly start: ExpectedStart | null;
}

/** When a job is expected to start, and where. */
interface ExpectedStart {
  readonly atMs: number;
  /** It lies beyond what was played through: the lane's rate was taken to go on. */
  readonly isExtrapolated: boolean;
  /** Null of one that is extrapolated. */
  readonly decision: Decision | null;
}

/** Lanes × GPUs looked at in all steps of one forecast: that is what a step costs, and it bounds the time it takes. */
const MOST_LOOKS = 12_000;
/** A step costs as much as this many looks, however little there is to look at. */
const LOOKS_PER_STEP = 20;
/** So does each decision: a step may start and end as many jobs as a worker has slots. */
const LOOKS_PER_DECISION = 8;

/** The next decisions, at most `limit` of them. The live state is left as it is. */
export function forecastPlan(state: State, nowMs: number, limit: number): Forecast {
  return play({ state, nowMs, isDone: (found) => found.length >= limit });
}

/** When a live job that has not started is expected to. */
export function forecastStart(state: State, nowMs: number, job: Job): StartForecast {
  const forecast = play({ state, nowMs, isDone: hasStart(job.id) });
  const place = job.phase.state === "queued" ? job.lane.queue.ahead(job) + 1 : null;
  const start = expectedStart(forecast, job.id, () =>
    extrapolate(state, nowMs, forecast, { lane: job.lane, place }),
  );
  return { ...forecast, start };
}

/** What would become of a job if it were submitted now. */
export function forecastSubmit(state: State, nowMs: number, asked: NewJob): StartForecast {
  const id = state.nextJobId;
  const forecast = play({ state, nowMs, isDone: hasStart(id), asked });
  const lane = state.lanes.get(asked.lane.key);
  const isHeld = asked.hold || asked.after.length > 0 || asked.notBeforeMs !== null;
  const start = expectedStart(forecast, id, () => {
    if (isHeld || lane === undefined || forecast.reply?.ok !== true) return null;
    return extrapolate(state, nowMs, forecast, { lane, place: lane.queue.size + 1 });
  });
  return { ...forecast, start };
}

interface Play {
  readonly state: State;
  readonly nowMs: number;
  readonly isDone: (found: readonly Decision[]) => boolean;
  readonly asked?: NewJob;
}

function play({ state: live, nowMs, isDone, asked }: Play): Forecast {
  const state = copyState(
    live,
    asked === undefined ? null : { runtime: asked.lane.runtime, estimateKey: asked.estimateKey },
  );
  const decisions: Decision[] = [];
  const known = new Set<string>();
  let reply: Reply | null = null;
  let reason: Explanation | null = null;
  let looks = 0;
  let isCut = false;
  const { nowMs: untilMs } = fastForward({
    state,
    nowMs,
    events: asked === undefined ? [] : [{ type: "submit", atMs: nowMs, jobs: [asked] }],
    durations: expectedDurations(state, nowMs),
    observer: {
      onReply: (_event, given) => {
        reply = given;
      },
    },
    onStep(taken, atMs) {
      const submitted = looks === 0 ? taken.changes.newJobs[0]?.job : undefined;
      if (submitted) reason = explainJob(state, submitted, atMs);
      const made = decisionsOf(state, taken, atMs, known);
      for (const decision of made) decisions.push(decision);
      looks +=
        LOOKS_PER_DECISION * made.length + LOOKS_PER_STEP + (1 + state.waiting.size) * (1 + state.gpus.size);
    },
    isDone() {
      isCut = looks >= MOST_LOOKS || isDone(decisions);
      return isCut;
    },
  });
  const isComplete = !isCut && live.deadlines.size() <= MOST_DEADLINES;
  return { decisions, untilMs, isComplete, reply, reason };
}

/** What is known of each lane and job; what has taken longer than that already is expected to take as long again. */
function expectedDurations(state: State, nowMs: number): Durations {
  const lasts = (expectedMs: number, sinceMs: number): number => {
    const elapsedMs = nowMs - sinceMs;
    return elapsedMs < expectedMs ? expectedMs : 2 * elapsedMs;
  };
  return {
    startMs: (worker: Worker) => lasts(startMs(worker.lane), worker.createdAtMs),
    stopMs: (worker: Worker) => lasts(stopMs(worker.lane), stoppingSinceMs(worker, nowMs)),
    sleepMs: (worker: Worker) => lasts(sleepMs(worker.lane), worker.phase.sinceMs),
    wakeMs: (worker: Worker) => lasts(wakeMs(worker.lane), worker.phase.sinceMs),
    runMs(job: Job) {
      const startedAtMs = job.phase.state === "running" ? job.phase.startedAtMs : nowMs;
      const ranMs = Math.max(0, nowMs - startedAtMs);
      return ranMs + remainingMs(state, job, startedAtMs + ranMs);
    },
  };
}

function stoppingSinceMs({ phase }: Worker, nowMs: number): number {
  return phase.state === "stopping" ? phase.sinceMs : nowMs;
}

/** Tells whether a job has started; what was looked at is not looked at again. */
function hasStart(jobId: number): (found: readonly Decision[]) => boolean {
  let looked = 0;
  let isFound = false;
  return (found) => {
    for (; looked < found.length; looked += 1) {
      const decision = found[looked];
      if (decision?.kind === "start-job" && decision.jobId === jobId) isFound = true;
    }
    return isFound;
  };
}

function startIn(found: readonly Decision[], jobId: number): Decision | undefined {
  return found.findLast((decision) => decision.kind === "start-job" && decision.jobId === jobId);
}

function expectedStart(
  { decisions, isComplete }: Forecast,
  jobId: number,
  extrapolated: () => number | null,
): ExpectedStart | null {
  const decision = startIn(decisions, jobId);
  if (decision) return { atMs: decision.atMs, isExtrapolated: false, decision };
  const atMs = isComplete ? null : extrapolated();
  return atMs === null ? null : { atMs, isExtrapolated: true, decision: null };
}

/**
 * Lets the lane go on as the forecast has it: as many starts a second as between its first and its last. If it had too
 * few of them, all lanes that wait are taken to have equal shares of the GPUs.
 */
function extrapolate(
  state: State,
  nowMs: number,
  { decisions, untilMs }: Forecast,
  { lane, place }: { readonly lane: Lane; readonly place: number | null },
): number | null {
  if (place === null) return null;
  const starts = decisions.filter(({ kind, laneKey }) => kind === "start-job" && laneKey === lane.spec.key);
  const lastMs = starts.at(-1)?.atMs;
  const firstMs = starts[0]?.atMs ?? nowMs;
  const left = Math.max(1, place - starts.length);
  if (lastMs !== undefined && lastMs > firstMs)
    return lastMs + (left * (lastMs - firstMs)) / (starts.length - 1);
  const servers = Math.max(1, Math.floor(state.gpus.size / Math.max(1, lane.spec.gpuCount)));
  const lanes = Math.max(1, state.waiting.size / servers);
  return (lastMs ?? untilMs) + (left * lanes * laneRunMs(state, lane)) / lane.spec.slots;
}
