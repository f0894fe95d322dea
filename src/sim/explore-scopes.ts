import type { NewJob } from "../scheduler/events.ts";
import type { LaneSpec } from "../scheduler/model.ts";
import { laneSpec } from "./lane-profiles.ts";
import { GIB } from "./options.ts";
import { newJob } from "./users.ts";

/** A world so small that everything that can happen in it can be looked at. */
export interface Scope {
  readonly name: string;
  readonly gpus: number;
  /** Submitted in this order, each at any time. */
  readonly jobs: readonly NewJob[];
  /** How much may go wrong on one path: crashes, failed starts and jobs, memory that comes back late. */
  readonly faults: number;
  /** Jobs that a person may cancel, at any time. */
  readonly cancellable: readonly number[];
  /** Whether all jobs are there from the beginning. */
  readonly together: boolean;
  /** Whether things may also take longer than any quantum, at any time. */
  readonly pauses: boolean;
}

/** Memory of each GPU of a scope. */
export const SCOPE_GPU_BYTES = 24 * GIB;

const whole = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  laneSpec(key, { keepAliveMs: 10_000, stopTimeoutMs: 2_000, ...overrides });
const command = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  whole(key, { residency: "one-shot", keepAliveMs: null, ...overrides });
const sharer = (key: string, gib: number): LaneSpec =>
  whole(key, { mode: "shared", vramBytes: gib * GIB, slots: 2 });

const scope = (name: string, jobs: readonly NewJob[], rest: Partial<Scope> = {}): Scope => ({
  name,
  gpus: 1,
  jobs,
  faults: 1,
  cancellable: [],
  together: false,
  pauses: false,
  ...rest,
});

/** Four of these that sleep leave a lane of `wide` no room. */
const sleeper = (key: string, overrides: Partial<LaneSpec> = {}): LaneSpec =>
  whole(key, {
    sleep: { level: 1, residueBytes: GIB, ramBytes: 0, timeoutMs: 1_000 },
    keepAliveMs: 2_000,
    ...overrides,
  });

const [a, b] = [whole("a"), whole("b")];
const wide = whole("wide", { vramBytes: SCOPE_GPU_BYTES });
const gang = command("gang", { gpuCount: 2 });

/** The scopes that are searched: each way in which lanes can meet on GPUs, with as few jobs as show it. */
export const scopes: readonly Scope[] = [
  scope("two models on one GPU", [newJob(a), newJob(b), newJob(a)], { together: true, pauses: true }),
  scope("a model that comes later", [newJob(a), newJob(b)], { faults: 2 }),
  scope("two models on two GPUs", [newJob(a), newJob(b)], { gpus: 2, together: true }),
  scope(
    "three sharers where two have room",
    [newJob(sharer("a", 10)), newJob(sharer("b", 10)), newJob(sharer("c", 10))],
    { together: true, faults: 0 },
  ),
  scope("a sharer beside a model", [newJob(sharer("a", 10)), newJob(b), newJob(sharer("c", 10))], {
    together: true,
  }),
  scope("a gang of two and singles", [newJob(command("single")), newJob(gang), newJob(a)], { gpus: 2 }),
  scope("a command between two jobs of a model", [newJob(a), newJob(command("run")), newJob(a)], {
    cancellable: [2],
  }),
  scope("a model that sleeps while another works", [newJob(sleeper("a")), newJob(b), newJob(sleeper("a"))], {
    together: true,
  }),
  scope(
    "a sleeper in the way of what needs all",
    [newJob(sleeper("a")), newJob(wide), newJob(sleeper("a"))],
    {},
  ),
  scope("retries", [newJob(a, { retries: 1 }), newJob(b, { priority: 5 })], { faults: 2, together: true }),
  scope(
    "a job that waits for another, cancelled",
    [
      newJob(a, { timeLimitMs: 5_000 }),
      newJob(command("run"), { after: [{ jobId: 1, condition: "succeeded", outcome: "live" }] }),
    ],
    { cancellable: [1], faults: 2 },
  ),
];
