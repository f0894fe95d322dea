import type { Client } from "../../client/client.ts";
import type { JobView, StatusView } from "../../protocol/views.ts";
import { formatBytes } from "../../std/bytes.ts";
import { toFailure } from "../../std/failure.ts";
import { command } from "../command.ts";
import type { Context } from "../context.ts";
import { columnsOf, helpWidth } from "../help-layout.ts";
import { isFinished } from "../text/job-text.ts";
import { jobCounts } from "./status.ts";

/** A failure that is older is no news. */
const RECENT_MS = 86_400_000;
const MOST_STEPS = 3;

/** `orch` alone: where things stand and what to type next. Starts nothing. */
export const overview = command({
  name: "",
  summary: "Show where things stand",
  examples: [],
  async run(context) {
    const { io, out } = context;
    const state = await stateIfRunning(context);
    const view = state?.status;
    out.result(
      view === undefined
        ? { daemon: null }
        : { daemon: { pid: view.pid, version: view.version }, jobs: view.jobs },
      { text: () => out.fields(view === undefined ? [["daemon", "not running"]] : summaryOf(view)) },
    );
    if (out.format.json || out.format.quiet) return 0;
    const steps = state === null ? firstSteps : nextSteps(state, io.clock.nowMs());
    const rows = [...steps.slice(0, MOST_STEPS), ["orch --help", "all commands"] as const];
    for (const [index, line] of columnsOf(rows, helpWidth(io.stderr) - 4).entries())
      out.note(`${index === 0 ? "next:" : "     "}${line.slice(1)}`);
    return 0;
  },
});

type Step = readonly [command: string, why: string];

interface State {
  readonly status: StatusView;
  /** Some unfinished ones, and the failed one that is newest. */
  readonly jobs: readonly JobView[];
  readonly runtimes: readonly { readonly name: string; readonly problem: string | null }[];
}

const firstSteps: readonly Step[] = [["orch up", "start the daemon; what needs it starts it, too"]];

async function stateIfRunning({ connect }: Context): Promise<State | null> {
  try {
    const client = await connect({ autostart: false });
    const [status, unfinished, failed, runtimes] = await Promise.all([
      client.call("GET /status", {}),
      jobsIn(client, ["held", "queued", "starting", "running"], 50),
      jobsIn(client, ["failed"], 1),
      client.call("GET /runtimes", {}).catch(() => ({ runtimes: [] })),
    ]);
    return { status, jobs: [...unfinished, ...failed], ...runtimes };
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === "daemon/unreachable") return null;
    throw failure;
  }
}

/** What is told beside the state may be missing. */
async function jobsIn(client: Client, states: JobView["state"][], limit: number): Promise<JobView[]> {
  try {
    return (await client.call("GET /jobs", { states, limit })).jobs;
  } catch {
    return [];
  }
}

function summaryOf(view: StatusView): [string, string][] {
  const free = view.gpus.reduce((sum, gpu) => sum + gpu.memory.freeBytes, 0);
  const leased = view.gpus.filter(({ leases }) => leases.length > 0).length;
  const leasedText = leased === 0 ? "" : `${leased} leased; `;
  return [
    ["daemon", `running (pid ${view.pid})`],
    ["gpus", view.gpus.length === 0 ? "none" : `${view.gpus.length}, ${leasedText}${formatBytes(free)} free`],
    ["workers", String(view.workers.length)],
    ["jobs", jobCounts(view)],
  ];
}

/** What is worth typing now, the most urgent first. */
function nextSteps({ status, jobs, runtimes }: State, nowMs: number): Step[] {
  const sick = status.gpus.find((gpu) => !gpu.healthy);
  const broken = runtimes.find(({ problem }) => problem !== null);
  const steps: (Step | null)[] = [
    sick === undefined ? null : ["orch gpus", `GPU ${sick.index} is out of use`],
    status.gpus.length > 0 ? null : ["orch gpus", "no GPU is seen; jobs without one run all the same"],
    waitingStep(status, jobs),
    runningStep(status, jobs),
    failedStep(jobs, nowMs),
    broken === undefined ? null : ["orch runtimes", `runtime ${broken.name} cannot be used, and why`],
  ];
  const urgent = steps.filter((step) => step !== null);
  return urgent.length > 0 ? urgent : idleSteps(status, runtimes);
}

function waitingStep({ jobs: counts }: StatusView, jobs: readonly JobView[]): Step | null {
  const count = (counts.queued ?? 0) + (counts.held ?? 0);
  if (count === 0) return null;
  // Why a job is held it says itself, mostly.
  const waiting =
    jobs.findLast(({ state }) => state === "queued") ?? jobs.findLast(({ state }) => state === "held");
  const words = count === 1 ? "1 job waits" : `${count} jobs wait`;
  return waiting === undefined
    ? ["orch ls", `${words}, and for what`]
    : [`orch why ${waiting.id}`, `${words}: for what, and until when`];
}

function runningStep({ jobs: counts }: StatusView, jobs: readonly JobView[]): Step | null {
  const count = (counts.running ?? 0) + (counts.starting ?? 0);
  const running = jobs.find(({ state }) => state === "running");
  if (count === 0) return null;
  return count === 1 && running !== undefined
    ? [`orch logs -f ${running.id}`, "follow the job that runs"]
    : ["orch top", `${count} jobs run: watch them`];
}

function failedStep(jobs: readonly JobView[], nowMs: number): Step | null {
  const failed = jobs.find((job) => isFinished(job) && job.finishedAt !== null);
  if (failed === undefined || Date.parse(failed.finishedAt ?? "") < nowMs - RECENT_MS) return null;
  return [`orch logs ${failed.id}`, `job ${failed.id} failed: its last words`];
}

/** Nothing waits, runs or needs care. */
function idleSteps({ gpus }: StatusView, runtimes: State["runtimes"]): Step[] {
  const [first] = runtimes;
  const run = gpus.length > 0 ? "orch run --gpus 1 -- COMMAND" : "orch run -- COMMAND";
  return [
    [run, "run a command as a job"],
    first === undefined
      ? ["orch runtimes --help", "declare a model as a runtime, and queue jobs for it"]
      : [`orch submit ${first.name} --help`, `queue a job of a runtime; ${runtimes.length} are there`],
  ];
}
