import { formatDurationMs } from "../std/duration.ts";
import type { AttemptWorkerRow, EarlierLeaseRow, WorkerStepRow } from "../store/past-queries.ts";
import type { AttemptRow, EventRow } from "../store/queries.ts";

/** A stretch of a job's life. */
export interface LifePhase {
  readonly phase: "held" | "queued" | "switch" | "start" | "run" | "retry";
  readonly fromMs: number;
  /** Null while it goes on. */
  readonly toMs: number | null;
  readonly text: string;
}

/** What is on record of a job and of those who stood in its way. */
export interface LifeRecord {
  readonly submittedAtMs: number;
  readonly finishedAtMs: number | null;
  /** Why it waits now, if it does. */
  readonly reason: string | null;
  readonly isHeld: boolean;
  readonly events: readonly EventRow[];
  readonly attempts: readonly AttemptRow[];
  readonly workers: readonly AttemptWorkerRow[];
  readonly leasesBefore: (workerId: number, sinceMs: number) => readonly EarlierLeaseRow[];
  readonly steps: (workers: readonly string[]) => readonly WorkerStepRow[];
}

/** What takes less is not worth a line of its own. */
const NOTICED_MS = 20;

/**
 * Tells a job's life in phases that follow each other: held, queued, the switch that made room, its worker's start, the run;
 * once for each attempt.
 */
export function lifeOf(record: LifeRecord): LifePhase[] {
  const life = new Life(record);
  for (const [index, attempt] of record.attempts.entries()) {
    const worker = record.workers.find((each) => each.attempt === attempt.attempt);
    life.holds(attempt.startedAtMs, index > 0);
    if (worker !== undefined) life.waits(attempt, worker);
    life.runs(attempt, worker?.readyAtMs === null);
  }
  life.ends();
  return life.phases;
}

const LEAVING = new Set(["worker-draining", "worker-stopping", "worker-falling-asleep"]);

class Life {
  readonly phases: LifePhase[] = [];
  private readonly record: LifeRecord;
  /** Up to when it is told. */
  private atMs: number;

  constructor(record: LifeRecord) {
    this.record = record;
    this.atMs = record.submittedAtMs;
  }

  /** Held, or put off after a failure, until it was queued. */
  holds(untilMs: number, isRetry: boolean): void {
    const { events } = this.record;
    const freed = events.findLast(
      ({ type, atMs }) =>
        (type === "job-queued" || type === "job-released") && atMs >= this.atMs && atMs <= untilMs,
    );
    if (freed === undefined) return;
    const failed = events.findLast(({ type, atMs }) => type === "job-retrying" && atMs <= freed.atMs);
    const text = (isRetry ? failed : undefined)?.text ?? freed.text;
    this.add(isRetry ? "retry" : "held", freed.atMs, text.replace(/^job \d+ (is queued: )?/, ""));
  }

  /** Until the attempt begins: for GPUs, for who makes room on them, for the worker to start. */
  waits(attempt: AttemptRow, worker: AttemptWorkerRow): void {
    const readyMs = Math.min(worker.readyAtMs ?? attempt.startedAtMs, attempt.startedAtMs);
    if (worker.createdAtMs > this.atMs) this.waitsForRoom(worker);
    if (readyMs > this.atMs)
      this.add("start", readyMs, startText(worker, this.record.steps([worker.worker])));
    this.wakes(attempt, worker);
    this.add("queued", attempt.startedAtMs, `${worker.worker} had other jobs`);
  }

  /** One that slept was woken for it. */
  private wakes({ startedAtMs }: AttemptRow, { worker }: AttemptWorkerRow): void {
    if (startedAtMs - this.atMs < NOTICED_MS) return;
    const waking = this.record
      .steps([worker])
      .findLast(({ type, atMs }) => type === "worker-waking" && atMs >= this.atMs && atMs <= startedAtMs);
    if (waking === undefined) return;
    this.add("queued", waking.atMs, `there was no room for ${worker} to wake up`);
    this.add("start", startedAtMs, `${worker} woke up`);
  }

  private waitsForRoom({ workerId, createdAtMs }: AttemptWorkerRow): void {
    const { leasesBefore, steps } = this.record;
    const earlier = leasesBefore(workerId, this.atMs).filter(
      ({ releasedAtMs }) => releasedAtMs <= createdAtMs,
    );
    const leaving = steps([...new Set(earlier.map(({ worker }) => worker))]).filter(
      ({ type, atMs }) => LEAVING.has(type) && atMs >= this.atMs && atMs <= createdAtMs,
    );
    // The last who left is whom it waited for; others may have come and gone before.
    const last = earlier.at(-1)?.worker;
    const own = leaving.filter(({ worker }) => worker === last);
    this.add("queued", Math.min(createdAtMs, ...own.map(({ atMs }) => atMs)), heldText(earlier));
    this.add("switch", createdAtMs, `${last ?? "another worker"} made room`);
  }

  /** A one-shot worker is its job: it starts first. */
  runs(attempt: AttemptRow, isOneShot: boolean): void {
    const { events, reason } = this.record;
    const began = events.find(({ type, atMs }) => type === "job-started" && atMs >= attempt.startedAtMs);
    const beganMs = began?.atMs ?? attempt.finishedAtMs;
    if (beganMs === null) return this.add("start", null, reason ?? attempt.worker);
    if (isOneShot) this.add("start", beganMs, attempt.worker);
    this.add("run", attempt.finishedAtMs, `${attempt.worker}${outcomeText(attempt)}`);
  }

  /** What is left: it waits now, or it ended while it waited. */
  ends(): void {
    const { attempts, finishedAtMs, isHeld, reason } = this.record;
    if (attempts.at(-1)?.finishedAtMs === null) return;
    this.holds(finishedAtMs ?? Number.POSITIVE_INFINITY, attempts.length > 0);
    const ended = attempts.length === 0 ? "it was never started" : "it was not started again";
    if (finishedAtMs === null) this.add(isHeld ? "held" : "queued", null, reason ?? "");
    else this.add(isHeld ? "held" : "queued", finishedAtMs, ended);
  }

  /** What takes no time to speak of is left to the phase after it. */
  private add(phase: LifePhase["phase"], toMs: number | null, text: string): void {
    if (toMs !== null && toMs - this.atMs < NOTICED_MS && phase !== "run") return;
    const endMs = toMs === null ? null : Math.max(this.atMs, toMs);
    this.phases.push({ phase, fromMs: this.atMs, toMs: endMs, text });
    this.atMs = endMs ?? this.atMs;
  }
}

/** "GPU 0 was held by left-1, left-2" */
function heldText(earlier: readonly EarlierLeaseRow[]): string {
  if (earlier.length === 0) return "until it was its turn";
  const gpus = [...new Set(earlier.map(({ gpuIndex }) => gpuIndex))].sort((left, right) => left - right);
  const names = [...new Set(earlier.map(({ worker }) => worker))];
  const shown = names.slice(-3).join(", ");
  const more = names.length > 3 ? ` and ${names.length - 3} before` : "";
  return `GPU ${gpus.join(", ")} was held by ${shown}${more}`;
}

const STEP_NAMES: Readonly<Record<string, string>> = {
  "worker-starting": "VRAM wait",
  "worker-environment": "environment",
  "worker-spawn": "start",
  "worker-load": "load",
};

/** "right-2: VRAM wait 200 ms, load 17 s" */
function startText({ worker }: AttemptWorkerRow, steps: readonly WorkerStepRow[]): string {
  const own = steps.filter((step) => step.worker === worker);
  const parts = own.flatMap(({ type, atMs }, index) => {
    const name = STEP_NAMES[type];
    const next = own.slice(index + 1).find((step) => step.type in STEP_NAMES || step.type === "worker-ready");
    if (name === undefined || next === undefined || next.atMs - atMs < NOTICED_MS) return [];
    return [`${name} ${formatDurationMs(next.atMs - atMs)}`];
  });
  return parts.length === 0 ? worker : `${worker}: ${parts.join(", ")}`;
}

function outcomeText({ outcome, exitCode }: AttemptRow): string {
  if (outcome === null) return "";
  return `: ${outcome}${exitCode === null || exitCode === 0 ? "" : ` with exit code ${exitCode}`}`;
}
