import type { Effect } from "../../src/scheduler/effects.ts";
import type { Event, NewJob, Reply, RunOutcome, SeenGpu } from "../../src/scheduler/events.ts";
import { type Explanation, explainJob } from "../../src/scheduler/explain.ts";
import { checkInvariants } from "../../src/scheduler/invariants.ts";
import type { Job } from "../../src/scheduler/job-model.ts";
import type { LaneSpec, Policy, State, Worker } from "../../src/scheduler/model.ts";
import { createState } from "../../src/scheduler/state.ts";
import { type Step, step } from "../../src/scheduler/step.ts";
import { laneSpec } from "../../src/sim/lane-profiles.ts";
import { newJob } from "../../src/sim/users.ts";
import { must } from "../../src/std/assert.ts";
import { testPolicy } from "./policy.ts";

export const GIB = 2 ** 30;

/** An event without its time: `send` puts it in. */
export type Untimed = Event extends infer E ? (E extends Event ? Omit<E, "atMs"> : never) : never;

/** The real scheduler, driven by hand: every call is one step at the current time, followed by all invariants. */
export class Bench {
  nowMs = 1_000_000;
  readonly state: State;
  /** What the last step came to. */
  last: Step;

  constructor(options: { gpus?: readonly Partial<SeenGpu>[]; policy?: Partial<Policy> } = {}) {
    this.state = createState(testPolicy(options.policy));
    this.last = this.send();
    if (options.gpus?.length !== 0) this.seeGpus(options.gpus ?? [{}]);
  }

  send(...events: readonly Untimed[]): Step {
    const timed = events.map((event) => ({ ...event, atMs: this.nowMs }));
    this.last = step(this.state, timed.length > 0 ? timed : [{ type: "tick", atMs: this.nowMs }]);
    checkInvariants(this.state);
    return this.last;
  }

  /** Lets time pass and ticks, as the loop does when a deadline comes up. */
  pass(ms: number): Step {
    this.nowMs += ms;
    return this.send({ type: "tick" });
  }

  seeGpus(gpus: readonly Partial<SeenGpu>[]): Step {
    const seen = gpus.map((gpu, index) => ({
      uuid: `GPU-${index}`,
      index,
      totalBytes: 24 * GIB,
      foreignBytes: 0,
      healthy: true,
      ...gpu,
    }));
    return this.send({ type: "gpus-seen", gpus: seen });
  }

  /** Submits one job and gives its id. */
  submit(lane: LaneSpec, overrides: Partial<NewJob> = {}): number {
    const reply = this.ask({ type: "submit", jobs: [newJob(lane, overrides)] });
    return must(reply.ok ? reply.ids[0] : undefined, `refused: ${JSON.stringify(reply)}`);
  }

  ask(request: Untimed): Reply {
    return must(this.send(request).replies[0], "a request gets a reply");
  }

  /** Reports the worker's program spawned and, unless it is one-shot, ready. */
  ready(workerId: number): Step {
    const spawned = { type: "worker-spawned", workerId, identity: null } as const;
    if (this.worker(workerId).lane.spec.residency === "one-shot") return this.send(spawned);
    return this.send(spawned, { type: "worker-ready", workerId, endpoint: null });
  }

  end(jobId: number, kind: RunOutcome["kind"] = "succeeded"): Step {
    const attempt = this.job(jobId).attempts;
    return this.send({ type: "job-ended", jobId, attempt, outcome: outcome(kind) });
  }

  exit(workerId: number, result: RunOutcome | null = null): Step {
    const exit = { exitCode: result?.exitCode ?? 0, detail: null };
    return this.send({ type: "worker-exited", workerId, exit, result });
  }

  job(id: number): Job {
    return must(this.state.jobs.get(id), `job ${id} is over`);
  }

  worker(id: number): Worker {
    return must(this.state.workers.get(id), `worker ${id} is gone`);
  }

  /** "held", "queued", "starting", "running", or how it ended in the last step. */
  stateOf(id: number): string {
    const end = this.last.changes.ended.find((entry) => entry.job.id === id);
    return end?.state ?? this.state.jobs.get(id)?.phase.state ?? "over";
  }

  endOf(id: number) {
    return must(
      this.last.changes.ended.find((entry) => entry.job.id === id),
      `job ${id} did not end`,
    );
  }

  why(id: number): Explanation | null {
    return explainJob(this.state, this.job(id), this.nowMs);
  }

  /** Effects of the last step as short words: "start 1", "stop 1", "run 3 on 1", "cancel 3". */
  get effects(): string[] {
    return this.last.effects.map(shorten);
  }
}

export function outcome(kind: RunOutcome["kind"], exitCode: number | null = null): RunOutcome {
  return { kind, exitCode, message: null, output: null, artifacts: null };
}

function shorten(effect: Effect): string {
  switch (effect.type) {
    case "prepare-lane":
      return `prepare ${effect.laneKey}`;
    case "start-worker":
      return `start ${effect.workerId}`;
    case "stop-worker":
      return `stop ${effect.workerId}`;
    case "sleep-worker":
      return `sleep ${effect.workerId}`;
    case "wake-worker":
      return `wake ${effect.workerId}`;
    case "run-job":
      return `run ${effect.jobId} on ${effect.workerId}`;
    case "cancel-job":
      return `cancel ${effect.jobId}`;
  }
}

/** A resident model that takes a whole GPU. */
export const model = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  laneSpec(key, { keepAliveMs: 3_600_000, ...overrides });

/** A resident model that shares GPUs. */
export const sharer = (key: string, vramGib: number, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  model(key, { mode: "shared", vramBytes: vramGib * GIB, ...overrides });

/** A plain command: one-shot, on one GPU unless told otherwise. */
export const command = (key = "run", overrides: Partial<LaneSpec> = {}): LaneSpec =>
  model(key, { residency: "one-shot", ...overrides });
