import { unreachable } from "../std/assert.ts";
import { formatBytes } from "../std/bytes.ts";
import { formatDurationMs } from "../std/duration.ts";
import { formatUtc } from "../std/format-utc.ts";
import { isUsable, suits } from "./capacity.ts";
import type { HoldPhase, Job } from "./job-model.ts";
import type { Lane, State, Verdict, Worker } from "./model.ts";
import { preparationText } from "./preparation.ts";
import { stepText } from "./reports.ts";
import { isRequestId } from "./request-jobs.ts";
import { failuresOf } from "./start-failures.ts";

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
    return { code: "dependency", text: `waits for ${conditionsText(hold.after)}` };
  }
  if (hold.untilMs === null && hold.byArray) return explainArray(job);
  if (job.attempts === 0 && hold.untilMs !== null) {
    const text = `starts ${formatUtc(hold.untilMs)}, in ${formatDurationMs(Math.max(0, hold.untilMs - nowMs))}`;
    return { code: "begin", text };
  }
  const waitMs = Math.max(0, (hold.untilMs ?? nowMs) - nowMs);
  return {
    code: "retry",
    text: `attempt ${job.attempts} failed; tried again in ${formatDurationMs(waitMs)}`,
  };
}

/** Of many jobs a sentence names only so many. */
const NAMED_MOST = 5;

/** "job 3 to succeed, job 4 to end and 2 more". */
function conditionsText(after: HoldPhase["after"]): string {
  const wishes = { succeeded: "succeed", failed: "fail", any: "end" };
  const named = [...after].slice(0, NAMED_MOST).map(([id, condition]) => `job ${id} to ${wishes[condition]}`);
  const more = after.size - named.length;
  return `${named.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

function explainArray(job: Job): Explanation {
  const array = job.extras?.array;
  const of = `of array ${array?.id ?? job.id}`;
  const text =
    array?.maxActive === 1
      ? `the jobs ${of} go one after the other`
      : `at most ${array?.maxActive ?? 0} jobs ${of} are on their way at once`;
  return { code: "array-limit", text };
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
      return worker
        ? `${worker.name} has no free slot for more of ${lane.spec.title}: ${workerDetail(worker)}`
        : `the worker of ${lane.spec.title} has no free slot`;
    case "draining":
      return worker
        ? `${worker.name} is making room on ${gpus}: ${workerDetail(worker)}`
        : `${gpus} is being freed`;
    case "gpu-busy":
      return worker
        ? `${gpus} is held by ${worker.name} (${workerDetail(worker)}${worker.pinned ? pinnedText(worker) : ""})`
        : `${gpus} is held by another worker; "orch gpus" shows by which`;
    case "gpu-reserved":
      return verdict.reservationId === null
        ? `${gpus} is promised to others, whose turn comes first`
        : reservedText(state, gpus, verdict.reservationId, nowMs);
    case "gpu-foreign":
      return `programs outside orch hold too much memory on ${gpus}; "orch gpus" names them`;
    case "gpu-unavailable":
      return unavailableText(state, lane);
    case "cpu-busy":
      return `it needs ${lane.spec.cpuCores} of ${state.policy.cpuCores} CPU cores, and too many are in use; "orch top" shows by whom`;
    case "ram-busy":
      return `it needs ${formatBytes(lane.spec.ramBytes)} of memory, and too much of ${formatBytes(state.policy.ramBytes)} is in use; "orch top" shows by whom`;
    case "quota":
      return quotaText(verdict, nowMs);
    case "preparing":
      return preparingText(lane, nowMs);
    case "start-failed":
      return startFailedText(lane, verdict, nowMs);
    case "stopping":
      return 'the daemon is stopping; the job waits for the next one ("orch up")';
    default:
      return unreachable(verdict.code);
  }
}

function reservedText(state: State, gpus: string, id: number, nowMs: number): string {
  const reservation = state.reservations.get(id);
  if (reservation === undefined) return `${gpus} was reserved until now`;
  const { name, accounts, startAtMs, endAtMs } = reservation;
  const text = `${gpus} is reserved for ${accounts.join(", ").replaceAll(":", " ")} (reservation ${name})`;
  const until = formatUtc(endAtMs);
  if (startAtMs <= nowMs) return `${text} until ${until}`;
  return `${text} from ${formatUtc(startAtMs)} to ${until}, and it would not be done before that`;
}

function pinnedText({ name }: Worker): string {
  return `, pinned: "orch workers unpin ${name}" lets it go`;
}

function unavailableText(state: State, lane: Lane): string {
  let healthy = 0;
  for (const gpu of state.gpus.values()) if (isUsable(gpu) && suits(lane.spec, gpu)) healthy += 1;
  const { gpuCount } = lane.spec;
  const needs = `it needs ${gpuCount === 1 ? "a healthy GPU" : `${gpuCount} healthy GPUs`}`;
  return `${needs}, and there ${healthy === 1 ? "is 1" : `are ${healthy}`}; "orch gpus" says what is wrong`;
}

function preparingText(lane: Lane, nowMs: number): string {
  const { preparation } = lane;
  const sinceMs = preparation.state === "running" ? preparation.sinceMs : nowMs;
  return `${preparationText(lane)} (${formatDurationMs(Math.max(0, nowMs - sinceMs))}); no GPU is held meanwhile`;
}

function startFailedText(lane: Lane, { untilMs }: Verdict, nowMs: number): string {
  const next = `next try in ${formatDurationMs(Math.max(0, (untilMs ?? nowMs) - nowMs))}`;
  const error = lane.lastStartError ?? "unknown";
  const count = failuresOf(lane);
  if (count < 2) return `its worker failed to start (${error}); ${next}`;
  return `its workers failed ${count} times in a row (${error}); ${next}, or "orch runtimes reset ${lane.spec.runtime}"`;
}

function quotaText({ account, untilMs }: Verdict, nowMs: number): string {
  const until = untilMs === null ? "" : ` for ${formatDurationMs(Math.max(0, untilMs - nowMs))} more`;
  return `the quota is used up${until} (${account ?? "of all whose jobs wait here"}); "orch quotas" shows it`;
}

/** What a worker is doing, in words. */
export function workerDetail(worker: Worker): string {
  switch (worker.phase.state) {
    case "starting":
      return stepText[worker.phase.step];
    case "ready":
      return worker.jobs.size === 0 ? "idle" : `running ${jobList(worker)}`;
    case "draining":
      return `finishing ${jobList(worker)}, then ${worker.phase.sleeps === true ? "sleeps" : "stops"} (${worker.phase.reason})`;
    case "falling-asleep":
      return `falling asleep (${worker.phase.reason})`;
    case "asleep":
      return "its VRAM is given back";
    case "waking":
      return "it is woken";
    case "stopping":
      return `stopping (${worker.phase.reason})`;
    default:
      return unreachable(worker.phase);
  }
}

/** "job 3, 4 and 2 requests". */
function jobList(worker: Worker): string {
  const ids = [...worker.jobs].map((job) => job.id);
  const jobs = ids.filter((id) => !isRequestId(id));
  const requests = ids.length - jobs.length;
  const parts = [
    ...(jobs.length > 0 || requests === 0 ? [`job ${jobs.join(", ")}`] : []),
    ...(requests > 0 ? [`${requests} request${requests === 1 ? "" : "s"}`] : []),
  ];
  return parts.join(" and ");
}

function gpuNames(state: State, uuids: readonly string[]): string {
  const indices = uuids.map((uuid) => state.gpus.get(uuid)?.index ?? uuid);
  indices.sort((left, right) => Number(left) - Number(right));
  return indices.length === 0 ? "the GPU" : `GPU ${indices.join(", ")}`;
}
