import { cancelledEnd } from "./job-ends.ts";
import { endJob, settleWaiting } from "./job-transitions.ts";
import type { Lane } from "./model.ts";
import { isRequestId } from "./request-jobs.ts";
import { log, type Transition } from "./transition.ts";

// A circuit breaker for each lane. Failed starts and workers that crash open it: nothing of the lane is started for a while that
// doubles from failure to failure; then one worker is tried. A worker that becomes ready closes it again after failed starts,
// a job that succeeds after crashes.

const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A start that fails slowly holds its GPU all the while: it may do so for about a tenth of the time, as the quantum has it. */
const PAUSE_PER_START = 10;
const RETRY_LIMIT_MS = 1_800_000;
/** After this many failed starts in a row the lane's first job fails with the reason, so that its caller learns it. */
const STARTS_PER_JOB = 3;
/** One or two crashes may be a job's own fault, or bad luck. */
const CRASHES_FORGIVEN = 2;

/** Notes a failed start: the lane is tried again later, and every third failure fails the job at its head, each one its requests. */
export function noteFailedStart(tx: Transition, lane: Lane, message: string, tookMs: number): void {
  lane.startFailures += 1;
  pause(tx, lane, message, tookMs);
  const headId = lane.queue.peek();
  const head = headId === undefined ? undefined : tx.state.jobs.get(headId);
  if (head && lane.startFailures % STARTS_PER_JOB === 0) endJob(tx, head, notStarted(message));
  endRequests(tx, lane, message);
  settleWaiting(tx, lane);
}

/** Who waits on the line is told at once, and may try again. */
function endRequests(tx: Transition, lane: Lane, message: string): void {
  for (const id of lane.queue.list(Number.POSITIVE_INFINITY)) {
    const job = isRequestId(id) ? tx.state.jobs.get(id) : undefined;
    if (job) endJob(tx, job, notStarted(message));
  }
}

/** Notes that a ready worker ended unasked. One that does so again and again, and nothing succeeds, is started less often. */
export function noteCrash(tx: Transition, lane: Lane, message: string): void {
  lane.crashes += 1;
  if (lane.crashes > CRASHES_FORGIVEN) pause(tx, lane, message, 0);
}

/** A job of the lane has succeeded, so its workers work. */
export function noteSuccess(lane: Lane): void {
  lane.crashes = 0;
}

/** Whether the lane is on trial: after a failure one worker at a time is started, until one works. */
export function isOnTrial(lane: Lane): boolean {
  return failuresOf(lane) > 0;
}

/** Failures in a row, first crashes aside. */
export function failuresOf({ startFailures, crashes }: Lane): number {
  return startFailures + Math.max(0, crashes - CRASHES_FORGIVEN);
}

/** Forgets the failures of a lane: somebody has mended what was wrong, and it is tried at once. */
export function forgetFailures(tx: Transition, lane: Lane): void {
  lane.startFailures = 0;
  lane.crashes = 0;
  lane.retryAtMs = 0;
  lane.lastStartError = null;
  tx.needsPlan = true;
}

function pause(tx: Transition, lane: Lane, message: string, tookMs: number): void {
  const count = failuresOf(lane);
  const mostMs = Math.min(RETRY_LIMIT_MS, Math.max(RETRY_MAX_MS, PAUSE_PER_START * tookMs));
  const fullMs = Math.min(mostMs, RETRY_BASE_MS * 2 ** (count - 1));
  lane.lastStartError = message;
  lane.retryAtMs = tx.nowMs + Math.round(fullMs * (1 - JITTER * drawOf(lane.spec.key, count)));
  lane.summons = null;
  tx.changes.lanes.add(lane);
  tx.state.deadlines.add({ atMs: lane.retryAtMs, kind: "plan", id: lane.spec.key });
  if (count !== STARTS_PER_JOB) return;
  const text = `starts of ${lane.spec.title} fail: it is tried less and less often until one works`;
  log(tx, "lane-broken", text);
}

/** Lanes that failed together, of a disk that was full say, do not come back together. */
const JITTER = 0.2;

/** A number in [0, 1) that only depends on its arguments: the scheduler knows no chance (FNV-1a). */
function drawOf(key: string, count: number): number {
  let hash = 2_166_136_261 ^ count;
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 16_777_619);
  return (hash >>> 0) / 2 ** 32;
}

/** The end of a job whose program could not be started. */
export function notStarted(message: string) {
  return {
    ...cancelledEnd,
    state: "failed",
    exitCode: 125,
    reason: { code: "start-failed", text: message },
  } as const;
}
