import { assert, unreachable } from "../std/assert.ts";
import type { Effect } from "./effects.ts";
import { prepareMs } from "./estimate.ts";
import type { Event, Reply, Report, RunOutcome } from "./events.ts";
import type { Job } from "./job-model.ts";
import type { State, Worker } from "./model.ts";
import { pendingEffects } from "./restore.ts";
import { type Step, step } from "./step.ts";
import { createTimeHeap, type TimeHeap } from "./time-heap.ts";
import type { JobEnd } from "./transition.ts";

/** How long things take in virtual time. Milliseconds, none negative; each is asked for when the thing begins. */
export interface Durations {
  /** From the grant of the GPUs until the worker is ready; of a one-shot worker, until its program runs. */
  startMs(worker: Worker): number;
  /** From the order to stop until its program is gone. */
  stopMs(worker: Worker): number;
  /** From the order to sleep until the VRAM is given back, and from the order to wake until it is ready. */
  sleepMs(worker: Worker): number;
  wakeMs(worker: Worker): number;
  /** From the job's start, also of a job that runs already. */
  runMs(job: Job): number;
}

/** Is told what happens, in order of time; within a step ends come before starts. */
export interface Observer {
  /** The answer to one of the given requests. */
  onReply?(event: Event, reply: Reply): void;
  /** A run begins: once per attempt. */
  onStart?(job: Job, worker: Worker, atMs: number): void;
  onEnd?(end: JobEnd): void;
  /** `starting`: its GPUs are granted. `gone`: they are given back. */
  onWorker?(worker: Worker, news: "starting" | "ready" | "stopping" | "gone", atMs: number): void;
}

export interface FastForward {
  /** Changed in place. It may be in the middle of things: workers that start, jobs that run. */
  readonly state: State;
  readonly nowMs: number;
  /** What comes from outside, by time; taken one by one as time goes on. */
  readonly events: Iterable<Event>;
  readonly durations: Durations;
  readonly observer?: Observer;
  /** Is told of every step, after the observer was told what came of it. */
  readonly onStep?: (taken: Step, atMs: number) => void;
  /** Asked after every step: whether to stop here. Without it, it goes on until nothing is left to happen. */
  readonly isDone?: () => boolean;
}

/** A report that is due at a time of its own. */
interface Run extends FastForward {
  readonly reports: TimeHeap<Report>;
  nowMs: number;
}

/**
 * Drives the scheduler in virtual time: what it orders takes as long as `durations` say and is then reported back, as
 * the daemon would. All that falls on the same millisecond is one step, as with the daemon's group commit: first what
 * comes from outside, then reports in the order in which they were entered. Nothing fails. The same input gives the
 * same steps.
 * @returns the virtual time at which it ended, and the number of steps
 */
export function fastForward(options: FastForward): { readonly nowMs: number; readonly steps: number } {
  const run: Run = { ...options, reports: createTimeHeap() };
  const given = readAhead(options.events);
  for (const effect of pendingEffects(run.state)) perform(run, effect);
  // The first step looks at everything.
  let wakeAtMs = run.nowMs;
  for (let steps = 0; ; steps += 1) {
    const nextMs = Math.min(given.nextAtMs(), run.reports.nextAtMs(), wakeAtMs);
    if (nextMs === Number.POSITIVE_INFINITY || (steps > 0 && run.isDone?.() === true))
      return { nowMs: run.nowMs, steps };
    run.nowMs = Math.max(run.nowMs, nextMs);
    const events = [...given.takeDue(run.nowMs), ...dueReports(run)];
    if (events.length === 0) events.push({ type: "tick", atMs: run.nowMs });
    const taken = step(run.state, events);
    tell(run, events, taken);
    run.onStep?.(taken, run.nowMs);
    for (const effect of taken.effects) perform(run, effect);
    wakeAtMs = taken.wakeAtMs ?? Number.POSITIVE_INFINITY;
  }
}

/** The events one by one, with a look at the next. */
function readAhead(events: Iterable<Event>) {
  const iterator = events[Symbol.iterator]();
  let next = iterator.next();
  const nextAtMs = (): number => (next.done === true ? Number.POSITIVE_INFINITY : next.value.atMs);
  return {
    nextAtMs,
    *takeDue(nowMs: number): Generator<Event, void, undefined> {
      while (next.done !== true && next.value.atMs <= nowMs) {
        const event = next.value;
        next = iterator.next();
        assert(
          nextAtMs() >= event.atMs,
          `the event at ${nextAtMs()} ms comes after the one at ${event.atMs} ms`,
        );
        yield event;
      }
    },
  };
}

/** The reports that are due now, less those of starts that were called off. */
function* dueReports(run: Run): Generator<Event, void, undefined> {
  for (let due = run.reports.takeDue(run.nowMs); due; due = run.reports.takeDue(run.nowMs)) {
    if (isBegin(due) && !isAwaited(run.state.workers.get(due.workerId))) continue;
    yield { ...due, atMs: run.nowMs };
  }
}

function isBegin(
  report: Event | Report,
): report is Extract<typeof report, { type: "worker-ready" | "worker-spawned" }> {
  return report.type === "worker-ready" || report.type === "worker-spawned";
}

function isAwaited(worker: Worker | undefined): boolean {
  // A one-shot worker that is to stop after its job waits for its program as before.
  return worker?.phase.state === "starting" || worker?.phase.state === "draining";
}

function tell(run: Run, events: readonly Event[], taken: Step): void {
  const { observer, nowMs, state } = run;
  for (const [index, event] of events.entries()) {
    const reply = taken.replies[index];
    if (reply) observer?.onReply?.(event, reply);
  }
  for (const end of taken.changes.ended) observer?.onEnd?.(end);
  for (const { worker } of taken.changes.workersGone) observer?.onWorker?.(worker, "gone", nowMs);
  for (const event of events) {
    const worker = isBegin(event) ? state.workers.get(event.workerId) : undefined;
    if (worker === undefined) continue;
    observer?.onWorker?.(worker, "ready", nowMs);
    if (worker.lane.spec.residency === "one-shot") runOneShot(run, worker, true);
  }
  for (const effect of taken.effects) tellOrder(run, effect);
}

function tellOrder({ observer, nowMs, state }: Run, effect: Effect): void {
  if (effect.type === "prepare-lane") return;
  const worker = state.workers.get(effect.workerId);
  if (worker === undefined) return;
  if (effect.type === "start-worker") observer?.onWorker?.(worker, "starting", nowMs);
  else if (effect.type === "stop-worker") observer?.onWorker?.(worker, "stopping", nowMs);
  else if (effect.type === "run-job") {
    const job = state.jobs.get(effect.jobId);
    if (job) observer?.onStart?.(job, worker, nowMs);
  }
}

/** Enters what comes of an order. Orders of the past are counted from when they were given. */
function perform(run: Run, effect: Effect): void {
  const { state, durations } = run;
  if (effect.type === "prepare-lane") return finishPreparing(run, effect.laneKey);
  const worker = state.workers.get(effect.workerId);
  if (worker === undefined) return;
  switch (effect.type) {
    case "start-worker":
      return start(run, worker);
    case "stop-worker": {
      const sinceMs = worker.phase.state === "stopping" ? worker.phase.sinceMs : run.nowMs;
      return exit(run, worker, sinceMs + durations.stopMs(worker), cancelled);
    }
    case "sleep-worker": {
      const { phase, fence } = worker;
      if (phase.state !== "falling-asleep") return;
      const asleep = { type: "worker-asleep", workerId: worker.id, fence, residueBytes: null } as const;
      return enter(run, phase.sinceMs + durations.sleepMs(worker), asleep);
    }
    case "wake-worker": {
      const { phase, fence } = worker;
      if (phase.state !== "waking") return;
      const woken = { type: "worker-woken", workerId: worker.id, fence } as const;
      return enter(run, phase.sinceMs + durations.wakeMs(worker), woken);
    }
    case "run-job": {
      const job = state.jobs.get(effect.jobId);
      if (job?.phase.state !== "running") return;
      const endMs = job.phase.startedAtMs + durations.runMs(job);
      return enter(run, endMs, { ...jobEnd(effect), outcome: succeeded });
    }
    case "cancel-job": {
      const job = state.jobs.get(effect.jobId);
      if (job)
        enter(run, run.nowMs, { ...jobEnd({ jobId: job.id, attempt: job.attempts }), outcome: cancelled });
      return;
    }
    default:
      return unreachable(effect);
  }
}

function finishPreparing(run: Run, laneKey: string): void {
  const lane = run.state.lanes.get(laneKey);
  if (lane?.preparation.state !== "running") return;
  enter(run, lane.preparation.sinceMs + prepareMs(lane), { type: "lane-prepared", laneKey });
}

function start(run: Run, worker: Worker): void {
  const isOneShot = worker.lane.spec.residency === "one-shot";
  if (isOneShot && hasRun(worker)) return runOneShot(run, worker, false);
  if (!isAwaited(worker)) return;
  const readyMs = worker.createdAtMs + run.durations.startMs(worker);
  const workerId = worker.id;
  if (isOneShot) enter(run, readyMs, { type: "worker-spawned", workerId, identity: null });
  else enter(run, readyMs, { type: "worker-ready", workerId, endpoint: null });
}

function hasRun(worker: Worker): boolean {
  for (const job of worker.jobs) if (job.phase.state === "running") return true;
  return false;
}

/** A one-shot worker ends with its job. */
function runOneShot(run: Run, worker: Worker, isNew: boolean): void {
  for (const job of worker.jobs) {
    if (job.phase.state !== "running") continue;
    if (isNew) run.observer?.onStart?.(job, worker, run.nowMs);
    exit(run, worker, job.phase.startedAtMs + run.durations.runMs(job), succeeded);
  }
}

/** Enters the exit of a worker; `outcome` is that of a one-shot worker's job. */
function exit(run: Run, worker: Worker, atMs: number, outcome: RunOutcome): void {
  const result = worker.lane.spec.residency === "one-shot" ? outcome : null;
  const { exitCode } = outcome;
  enter(run, atMs, { type: "worker-exited", workerId: worker.id, exit: { exitCode, detail: null }, result });
}

function enter(run: Run, atMs: number, report: Report): void {
  run.reports.add(Math.max(run.nowMs, Math.round(atMs)), report);
}

function jobEnd({ jobId, attempt }: { readonly jobId: number; readonly attempt: number }) {
  return { type: "job-ended", jobId, attempt } as const;
}

const plain = { message: null, output: null, artifacts: null } as const;
const succeeded: RunOutcome = { kind: "succeeded", exitCode: 0, ...plain };
const cancelled: RunOutcome = { kind: "cancelled", exitCode: null, ...plain };
