import type { Job } from "./job-model.ts";
import { withRun } from "./learned.ts";
import type { Lane, State } from "./model.ts";
import type { Transition } from "./transition.ts";

/** When it was said that a job would start. */
export interface GivenEta {
  readonly givenAtMs: number;
  readonly etaMs: number;
}

/** So many answers are remembered until their jobs start; then the oldest are forgotten. */
const MOST_GIVEN = 256;

/** Remembers the first answer that was given for a job which has not started. */
export function noteEta(tx: Transition, jobId: number, etaMs: number): void {
  const { etas, jobs } = tx.state;
  const state = jobs.get(jobId)?.phase.state;
  if ((state !== "held" && state !== "queued") || etas.has(jobId)) return;
  const [oldest] = etas.keys();
  if (oldest !== undefined && etas.size >= MOST_GIVEN) etas.delete(oldest);
  etas.set(jobId, { givenAtMs: tx.nowMs, etaMs });
}

/** A job starts: its lane learns how far off the answer was. */
export function learnEta(tx: Transition, job: Job): void {
  const given = tx.state.etas.get(job.id);
  if (given === undefined) return;
  tx.state.etas.delete(job.id);
  const { lane } = job;
  const { learned } = lane;
  lane.learned = {
    ...learned,
    eta: withRun(learned.eta, Math.abs(tx.nowMs - given.etaMs)),
    etaAhead: withRun(learned.etaAhead, Math.max(0, given.etaMs - given.givenAtMs)),
  };
  tx.changes.lanes.add(lane);
}

/** A job is over. */
export function forgetEta(state: State, jobId: number): void {
  state.etas.delete(jobId);
}

/** How far off past answers of a lane were on average. */
export interface EtaError {
  readonly meanMs: number;
  /** The part of the time foretold that they were off; null when no time was foretold. */
  readonly share: number | null;
  readonly count: number;
}

/** How far off the lane's past answers were; null before there are any. */
export function etaErrorOf({ learned: { eta, etaAhead } }: Pick<Lane, "learned">): EtaError | null {
  if (eta.count === 0) return null;
  const share = etaAhead.meanMs > 0 ? eta.meanMs / etaAhead.meanMs : null;
  return { meanMs: eta.meanMs, share, count: eta.count };
}
