import type { Extras, Job, JobPhase, Terms } from "./job-model.ts";
import type { Lane } from "./model.ts";

/** Shared by all queued jobs: a million of them need not have one each. */
export const QUEUED = { state: "queued" } as const;

/** A job as kept in memory: what it shares with others is read through its terms. */
class LeanJob implements Job {
  readonly id: number;
  terms: Terms;
  readonly submittedAtMs: number;
  attempts: number;
  phase: JobPhase;
  extras: Extras | null;

  constructor(id: number, terms: Terms, submittedAtMs: number, attempts: number, extras: Extras | null) {
    this.id = id;
    this.terms = terms;
    this.submittedAtMs = submittedAtMs;
    this.attempts = attempts;
    this.phase = QUEUED;
    this.extras = extras;
  }

  get lane(): Lane {
    return this.terms.lane;
  }

  get priority(): number {
    return this.terms.priority;
  }

  get timeLimitMs(): number | null {
    return this.terms.timeLimitMs;
  }
}

export interface JobParts {
  readonly id: number;
  readonly terms: Terms;
  readonly submittedAtMs: number;
  readonly attempts: number;
  readonly extras: Extras | null;
}

/** A job that is in no queue yet; its terms count it. */
export function createJob({ id, terms, submittedAtMs, attempts, extras }: JobParts): Job {
  terms.jobs += 1;
  return new LeanJob(id, terms, submittedAtMs, attempts, extras);
}

/** Its place among the jobs of its lane: higher first. A job near its deadline goes before its equals only. */
export function rankOf(job: Job): number {
  return job.extras?.isUrgent === true ? job.priority + 0.5 : job.priority;
}
