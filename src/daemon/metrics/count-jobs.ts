import { runMs } from "../../scheduler/estimate.ts";
import type { Job } from "../../scheduler/job-model.ts";
import type { Lane, State } from "../../scheduler/model.ts";
import { isRequestId } from "../../scheduler/request-jobs.ts";
import type { Changes } from "../../scheduler/transition.ts";
import type { Meters } from "./meters.ts";

/** A run under way. */
interface Run {
  readonly attempt: number;
  readonly runtime: string;
  readonly startedAtMs: number;
  /** Null = nothing was known of such jobs. */
  readonly expectedMs: number | null;
}

/** Counts what becomes of jobs and requests. Runs that an earlier daemon began are known from the state. */
export class JobCounter {
  private readonly meters: Meters;
  private readonly state: () => State;
  private readonly labelOf: (runtime: string) => string;
  private readonly runs = new Map<number, Run>();
  private readonly openRequests = new Set<number>();

  constructor(meters: Meters, state: () => State, labelOf: (runtime: string) => string) {
    this.meters = meters;
    this.state = state;
    this.labelOf = labelOf;
    for (const of of ["job", "worker"]) meters.outOfMemory.add(0, of);
    for (const { jobs } of state().workers.values()) for (const job of jobs) this.inherit(job);
  }

  /** Takes in what a step changed. */
  note(changes: Changes): void {
    this.countNew(changes.newJobs);
    // An attempt may end, and the next one begin and end, within one step.
    const late = this.countEnds(changes.attemptsEnded);
    this.countStarts(changes);
    this.countEnds(late);
    for (const { job, state } of changes.ended) {
      this.openRequests.delete(job.id);
      this.meters.jobsFinished.add(1, this.runtimeOf(job), kindOf(job.id), state);
    }
  }

  /** The state was rebuilt: requests are gone. */
  forgetRequests(): void {
    for (const id of this.openRequests) this.runs.delete(id);
    this.openRequests.clear();
  }

  /** Requests whose callers wait on the line: for their turn, and that have it. */
  requests(): { readonly waiting: number; readonly running: number } {
    let running = 0;
    for (const id of this.runs.keys()) if (this.openRequests.has(id)) running += 1;
    return { waiting: this.openRequests.size - running, running };
  }

  private inherit(job: Job): void {
    const { phase, attempts: attempt } = job;
    if (phase.state !== "running") return;
    const { startedAtMs } = phase;
    this.runs.set(job.id, { attempt, runtime: this.runtimeOf(job), startedAtMs, expectedMs: null });
  }

  private countNew(newJobs: Changes["newJobs"]): void {
    const { jobsSubmitted } = this.meters;
    /** A hundred thousand may come at once, into few lanes. */
    const counts = new Map<Lane, number>();
    for (const { job } of newJobs) {
      if (isRequestId(job.id)) {
        this.openRequests.add(job.id);
        jobsSubmitted.add(1, this.runtimeOf(job), "request");
      } else counts.set(job.lane, (counts.get(job.lane) ?? 0) + 1);
    }
    for (const [lane, count] of counts) jobsSubmitted.add(count, this.labelOf(lane.spec.runtime), "job");
  }

  private countStarts({ log, ended }: Changes): void {
    const { outOfMemory } = this.meters;
    for (const { type, jobId, atMs } of log) {
      if (type === "job-out-of-memory") outOfMemory.add(1, "job");
      else if (type === "worker-out-of-memory") outOfMemory.add(1, "worker");
      if (type !== "job-started" || jobId === null) continue;
      const job = this.state().jobs.get(jobId) ?? ended.find((end) => end.job.id === jobId)?.job;
      if (job !== undefined) this.countStart(job, atMs);
    }
  }

  private countStart(job: Job, startedAtMs: number): void {
    const { id, attempts: attempt, terms, lane } = job;
    const runtime = this.runtimeOf(job);
    const isKnown = (terms.estimate?.run.count ?? 0) > 0 || lane.learned.run.count > 0;
    const expectedMs = isKnown ? runMs(this.state(), job) : null;
    this.runs.set(id, { attempt, runtime, startedAtMs, expectedMs });
    if (attempt > 1) this.meters.retries.add(1, runtime);
    else this.meters.jobWait.observe((startedAtMs - job.submittedAtMs) / 1_000, runtime, kindOf(id));
  }

  /** @returns those that did not begin before this step */
  private countEnds(ended: Changes["attemptsEnded"]): Changes["attemptsEnded"] {
    return ended.filter(({ jobId, attempt, outcome, atMs }) => {
      const run = this.runs.get(jobId);
      if (run?.attempt !== attempt) return true;
      this.runs.delete(jobId);
      const { runtime, startedAtMs, expectedMs } = run;
      this.meters.jobRun.observe((atMs - startedAtMs) / 1_000, runtime, kindOf(jobId));
      if (outcome === "preempted") this.meters.preemptions.add(1, runtime);
      if (outcome === "succeeded" && expectedMs !== null && expectedMs > 0)
        this.meters.runEstimate.observe((atMs - startedAtMs) / expectedMs, runtime);
      return false;
    });
  }

  private runtimeOf(job: Job): string {
    return this.labelOf(job.lane.spec.runtime);
  }
}

function kindOf(jobId: number): "job" | "request" {
  return isRequestId(jobId) ? "request" : "job";
}
