import { unreachable } from "../std/assert.ts";
import { formatDurationMs } from "../std/duration.ts";
import type { HoldPhase, Job, Lane, State, Verdict, Worker } from "./model.ts";
import { stepText } from "./reports.ts";

/** Why a job waits: the same code and sentence in every view. */
export interface Explanation {
  readonly code: string;
  readonly text: string;
}

/** The reason of a job that is not running yet, from what the last plan decided; null for a running one. */
export function explainJob(state: State, job: Job, nowMs: number): Explanation | null {
  switch (job.phase.state) {
    case "held":
      return explainHold(job, job.phase, nowMs);
    case "queued":
      return explainVerdict(state, job.lane, job.lane.verdict, nowMs);
    case "starting":
      return { code: "starting", text: `${job.phase.worker.name}: ${workerDetail(job.phase.worker)}` };
    case "running":
      return job.phase.ending === null
        ? null
        : { code: "ending", text: `it is being stopped (${job.phase.ending.how})` };
    default:
      return unreachable(job.phase);
  }
}

function explainHold(job: Job, hold: HoldPhase, nowMs: number): Explanation {
  if (hold.byPerson) return { code: "held", text: `held by a person; "orch release ${job.id}" lets it go` };
  if (hold.after.size > 0) {
    return { code: "dependency", text: `waits for job ${[...hold.after].join(", ")} to succeed` };
  }
  const waitMs = Math.max(0, (hold.untilMs ?? nowMs) - nowMs);
  return {
    code: "retry",
    text: `attempt ${job.attempts} failed; tried again in ${formatDurationMs(waitMs)}`,
  };
}

function explainVerdict(state: State, lane: Lane, verdict: Verdict, nowMs: number): Explanation {
  return { code: verdict.code, text: sentenceOf(state, lane, verdict, nowMs) };
}

function sentenceOf(state: State, lane: Lane, verdict: Verdict, nowMs: number): string {
  const worker = verdict.workerId === null ? undefined : state.workers.get(verdict.workerId);
  const gpus = gpuNames(state, verdict.gpus);
  switch (verdict.code) {
    case "next":
      return "it is about to be planned";
    case "worker-starting":
      return worker ? `${worker.name} is starting: ${workerDetail(worker)}` : "its worker is starting";
    case "worker-busy":
      return `${worker?.name ?? "its worker"} is busy with other jobs of ${lane.spec.title}`;
    case "draining":
      return worker
        ? `${worker.name} is making room on ${gpus}: ${workerDetail(worker)}`
        : `${gpus} is being freed`;
    case "gpu-busy":
      return `${gpus} is held by ${worker?.name ?? "another worker"}${worker ? ` (${workerDetail(worker)})` : ""}`;
    case "gpu-reserved":
      return `${gpus} is promised to a lane that has waited longer`;
    case "gpu-foreign":
      return `programs outside orch hold too much memory on ${gpus}; "orch gpus" names them`;
    case "gpu-unavailable":
      return "not enough GPUs are healthy; see orch gpus";
    case "cpu-busy":
      return `all ${state.policy.cpuSlots} CPU slots are in use`;
    case "start-failed": {
      const waitMs = Math.max(0, (verdict.untilMs ?? nowMs) - nowMs);
      return `its worker failed to start (${lane.lastStartError ?? "unknown"}); next try in ${formatDurationMs(waitMs)}`;
    }
    case "stopping":
      return "the daemon is stopping; it goes on with the next one";
    default:
      return unreachable(verdict.code);
  }
}

/** What a worker is doing, in words. */
export function workerDetail(worker: Worker): string {
  switch (worker.phase.state) {
    case "starting":
      return stepText[worker.phase.step];
    case "ready":
      return worker.jobs.size === 0 ? "idle" : `running job ${jobList(worker)}`;
    case "draining":
      return `finishing job ${jobList(worker)}, then stops (${worker.phase.reason})`;
    case "stopping":
      return `stopping (${worker.phase.reason})`;
    default:
      return unreachable(worker.phase);
  }
}

function jobList(worker: Worker): string {
  return [...worker.jobs].map((job) => job.id).join(", ");
}

function gpuNames(state: State, uuids: readonly string[]): string {
  const indices = uuids.map((uuid) => state.gpus.get(uuid)?.index ?? uuid).sort();
  return indices.length === 0 ? "the GPU" : `GPU ${indices.join(", ")}`;
}
