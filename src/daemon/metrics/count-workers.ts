import type { State, Worker } from "../../scheduler/model.ts";
import { isRequestId } from "../../scheduler/request-jobs.ts";
import type { Changes } from "../../scheduler/transition.ts";
import type { StopReason } from "../../scheduler/worker-phase.ts";
import type { Meters } from "./meters.ts";

type Coming = "demand" | "asked" | "home" | "job";

/** A part of a switch, or null for what is none. */
type Stage = "vram-wait" | "start" | "load" | "wake" | "drain" | "stop" | "sleep" | null;

interface Seen {
  stage: Stage;
  /** When the stage began; null = before this daemon did, so it says nothing about how long it takes. */
  sinceMs: number | null;
  /** Why it came, or leaves. */
  reason: Coming | StopReason;
  /** It was ready at some time. */
  isUp: boolean;
  peakBytes: number;
}

/** Reasons that mean room for others. */
const madeRoom: ReadonlySet<string> = new Set(["evicted", "preempted", "switched", "ram-needed"]);
const leaving: ReadonlySet<Stage> = new Set(["drain", "stop", "sleep"] as const);

/** Counts what workers do, and how long each part of a switch takes. Workers of an earlier daemon are known from the state. */
export class WorkerCounter {
  private readonly meters: Meters;
  private readonly state: () => State;
  private readonly labelOf: (runtime: string) => string;
  private readonly seen = new Map<number, Seen>();

  constructor(meters: Meters, state: () => State, labelOf: (runtime: string) => string) {
    this.meters = meters;
    this.state = state;
    this.labelOf = labelOf;
    for (const worker of state().workers.values()) {
      const { phase } = worker;
      const reason = "reason" in phase ? phase.reason : "demand";
      const isUp = phase.state !== "starting";
      this.seen.set(worker.id, { stage: stageOf(worker), sinceMs: null, reason, isUp, peakBytes: 0 });
    }
  }

  /** Takes in what a step changed. */
  note({ workers, workersGone, log }: Changes): void {
    const atMs = log.at(-1)?.atMs;
    if (atMs !== undefined) for (const worker of workers) this.noteWorker(worker, atMs);
    for (const gone of workersGone) this.noteGone(gone);
    this.countEvents(log);
  }

  /** Memory that workers hold now: worker id → GPU → bytes. */
  noteMemory(held: ReadonlyMap<number, ReadonlyMap<string, number>>): void {
    for (const [id, byGpu] of held) {
      const known = this.seen.get(id);
      if (known !== undefined) known.peakBytes = Math.max(known.peakBytes, ...byGpu.values());
    }
  }

  /** Lines of a large step are mostly of one type, one after the other. */
  private countEvents(log: Changes["log"]): void {
    const { events, sleepFailures } = this.meters;
    let last = "";
    let count = 0;
    for (const { type, jobId } of log) {
      if (type === "worker-sleep-failed") sleepFailures.add(1);
      if (jobId !== null && isRequestId(jobId)) continue;
      if (type !== last && count > 0) {
        events.add(count, last);
        count = 0;
      }
      last = type;
      count += 1;
    }
    if (count > 0) events.add(count, last);
  }

  private noteWorker(worker: Worker, atMs: number): void {
    const { phase } = worker;
    const stage = stageOf(worker);
    const known = this.seen.get(worker.id);
    if (known === undefined) {
      const reason = comingOf(this.state(), worker);
      this.seen.set(worker.id, { stage, sinceMs: atMs, reason, isUp: false, peakBytes: 0 });
      return;
    }
    if (known.stage === stage) return;
    this.timeStage(worker, known, atMs);
    if (phase.state === "ready") this.noteReady(worker, known);
    if ("reason" in phase) known.reason = phase.reason;
    else if (stage === "wake") known.reason = comingOf(this.state(), worker);
    this.noteEviction(worker);
    known.stage = stage;
    known.sinceMs = atMs;
  }

  private timeStage(worker: Worker, { stage, sinceMs, reason }: Seen, atMs: number): void {
    if (stage === null || sinceMs === null || !isResident(worker)) return;
    this.meters.phases.observe((atMs - sinceMs) / 1_000, stage, reason);
  }

  private noteReady(worker: Worker, known: Seen): void {
    known.isUp = true;
    const { stage, reason } = known;
    if (!isResident(worker) || worker.leases.length === 0 || stage === null || leaving.has(stage)) return;
    const kind = stage === "wake" ? "wake" : "start";
    this.meters.switches.add(1, this.labelOf(worker.lane.spec.runtime), kind, reason);
  }

  /** A worker that drains first is counted when it stops or falls asleep. */
  private noteEviction({ phase }: Worker): void {
    if (phase.state !== "stopping" && phase.state !== "falling-asleep") return;
    if (!madeRoom.has(phase.reason)) return;
    const kind = phase.state === "stopping" ? "stop" : phase.level === "freeze" ? "freeze" : "sleep";
    this.meters.evictions.add(1, kind, phase.reason);
  }

  private noteGone({ worker, state, atMs }: Changes["workersGone"][number]): void {
    const known = this.seen.get(worker.id);
    this.seen.delete(worker.id);
    const runtime = this.labelOf(worker.lane.spec.runtime);
    if (state === "failed")
      (known?.isUp === true ? this.meters.crashes : this.meters.startFailures).add(1, runtime);
    if (known === undefined) return;
    this.timeStage(worker, known, atMs);
    const leaseBytes = Math.max(0, ...worker.leases.map(({ vramBytes }) => vramBytes));
    if (known.peakBytes > 0 && leaseBytes > 0)
      this.meters.vramEstimate.observe(known.peakBytes / leaseBytes, runtime);
  }
}

function isResident({ lane }: Worker): boolean {
  return lane.spec.residency === "resident";
}

function stageOf({ phase }: Worker): Stage {
  switch (phase.state) {
    case "starting":
      return phase.step === "vram" ? "vram-wait" : phase.step === "load" ? "load" : "start";
    case "waking":
      return "wake";
    case "draining":
      return "drain";
    case "stopping":
      return "stop";
    case "falling-asleep":
      return "sleep";
    case "ready":
    case "asleep":
      return null;
  }
}

/** Why it was started or woken. */
function comingOf(state: State, { lane, id }: Worker): Coming {
  if (lane.spec.residency === "one-shot") return "job";
  if (lane.summoned?.id === id) return "asked";
  const next = lane.queue.peek();
  return next !== undefined && state.jobs.has(next) ? "demand" : "home";
}
