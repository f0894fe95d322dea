import { gpuHistoryView, heldBy } from "../gpu-history-view.ts";
import { gpuView, jobDetail, jobView, logLine, sdxl, statusView, workerView } from "../sample-views.ts";
import { followCases } from "./follow-cases.ts";
import { fails, type GoldenCase } from "./golden-case.ts";
import {
  accounts,
  apiKey,
  decision,
  eta,
  event,
  history,
  jobs,
  reservation,
  schedule,
  stats,
  traceLine,
} from "./golden-views.ts";
import { hostCases } from "./host-cases.ts";
import { taskCases } from "./task-cases.ts";
import { uiCases } from "./ui-cases.ts";
import { webhookCases } from "./webhook-cases.ts";

const noJob = fails("job/unknown", "there is no job 42", "orch ls --all");
const noWorker = fails("worker/unknown", "there is no worker sdxl-9", "orch workers");
const noRuntime = fails("runtime/unknown", "there is no runtime sdx", "orch runtimes");
const noSchedule = fails("schedule/unknown", "there is no schedule nightli", "orch schedule ls");
const denied = fails("permission/denied", "that is for admins");
const worker = workerView({ detail: "loads", state: "starting" });

const why = {
  job: jobView(),
  reason: { code: "gpu-busy", text: "GPU 0 is held by sdxl-1 (running job 7)" },
  position: 3,
  ahead: [40, 41],
  lane: "flux",
  lanesBefore: [{ lane: "sdxl", jobs: 1 }],
  leaving: [{ worker: "embed-4", detail: "stopping (evicted)" }],
  evicts: [decision],
  eta,
};

/** A change of jobs by their ids, such as cancel. */
function changing(verb: "cancel" | "hold" | "release" | "retry"): GoldenCase {
  return {
    argv: [verb, "42"],
    answers: { [`POST /jobs/:job/${verb}`]: () => jobView({ state: "held", reason: null }) },
    wrong: {
      answers: {
        [`POST /jobs/:job/${verb}`]: fails("job/state", "job 42 is failed already", "orch retry 42"),
      },
    },
  };
}

/** By the command's name. */
export const goldenCases: Readonly<Record<string, GoldenCase>> = {
  ...followCases,
  ...hostCases,
  ...taskCases,
  ...webhookCases,
  ...uiCases,
  "": { argv: [], answers: { "GET /status": () => statusView() }, wrong: { argv: ["--jsn"] } },
  submit: {
    argv: ["submit", "sdxl", "--prompt", "a fox", "--label", "team=vision"],
    answers: { "GET /runtimes/:runtime": () => sdxl, "POST /jobs": () => jobView() },
    wrong: {
      argv: ["submit", "sdxl", "--prompt", "a fox", "--label", "a b=c"],
      answers: { "GET /runtimes/:runtime": noRuntime },
    },
  },
  ls: {
    argv: ["ls", "-a"],
    answers: { "GET /jobs": () => ({ jobs, total: 120 }) },
    wrong: { argv: ["ls", "--filter", "state = failed and runtme = sdxl"] },
  },
  show: {
    argv: ["show", "42"],
    answers: {
      "GET /jobs/:job": () =>
        jobDetail({
          labels: { team: "vision", run: "7" },
          timeline: [event],
          artifacts: [{ name: "image.png", bytes: 2048, type: "image/png", path: "/out/image.png" }],
        }),
    },
    wrong: { answers: { "GET /jobs/:job": noJob } },
  },
  logs: {
    argv: ["logs", "42"],
    answers: { "GET /logs": () => [logLine("one\n"), logLine("two\n")] },
    wrong: { answers: { "GET /logs": noJob } },
  },
  why: {
    argv: ["why", "42"],
    answers: { "GET /jobs/:job/why": () => why },
    wrong: { answers: { "GET /jobs/:job/why": noJob } },
  },
  plan: {
    argv: ["plan"],
    answers: { "GET /plan": () => ({ decisions: [decision], until: eta.at, complete: false }) },
    wrong: { argv: ["plan", "-n", "0"] },
  },
  cancel: changing("cancel"),
  hold: changing("hold"),
  release: changing("release"),
  retry: changing("retry"),
  update: {
    argv: ["update", "42", "--priority", "5"],
    answers: { "POST /jobs/:job/update": () => jobView({ priority: 5 }) },
    wrong: { argv: ["update", "42", "--priority", "5000"] },
  },
  quotas: {
    argv: ["quotas"],
    answers: { "GET /quotas": () => ({ halfLifeMs: 604_800_000, accounts }) },
    wrong: { argv: ["quotas", "--sort", "gpuhours"] },
  },
  "schedule ls": {
    argv: ["schedule", "ls"],
    answers: {
      "GET /schedules": () => ({
        schedules: [schedule, { ...schedule, id: 4, name: "off", paused: true, next: null }],
      }),
    },
    wrong: { argv: ["schedule", "ls", "--sort", "nam"] },
  },
  "schedule show": {
    argv: ["schedule", "show", "nightly"],
    answers: { "GET /schedules/:schedule": () => ({ ...schedule, scheduled: { verb: "run" } }) },
    wrong: { answers: { "GET /schedules/:schedule": noSchedule } },
  },
  "schedule pause": {
    argv: ["schedule", "pause", "nightly"],
    answers: { "POST /schedules/:schedule/pause": () => ({ ...schedule, paused: true, next: null }) },
    wrong: { answers: { "POST /schedules/:schedule/pause": noSchedule } },
  },
  "schedule resume": {
    argv: ["schedule", "resume", "nightly"],
    answers: { "POST /schedules/:schedule/pause": () => schedule },
    wrong: { answers: { "POST /schedules/:schedule/pause": noSchedule } },
  },
  "schedule rm": {
    argv: ["schedule", "rm", "nightly"],
    answers: { "POST /schedules/:schedule/remove": () => schedule },
    wrong: { answers: { "POST /schedules/:schedule/remove": noSchedule } },
  },
  "schedule run-now": {
    argv: ["schedule", "run-now", "nightly"],
    answers: { "POST /schedules/:schedule/run-now": () => ({ ids: [44] }) },
    wrong: { answers: { "POST /schedules/:schedule/run-now": noSchedule } },
  },
  "schedule next": {
    argv: ["schedule", "next", "0 3 * * *", "--tz", "UTC"],
    answers: {
      "GET /cron-fires": () => ({
        line: "0 3 * * *",
        timeZone: "UTC",
        fires: ["2026-01-02T03:00:00.000Z", "2026-01-03T03:00:00.000Z"],
      }),
    },
    wrong: { argv: ["schedule", "next", "0 3 * * *", "-n", "x"] },
  },
  "workers ls": {
    argv: ["workers", "ls"],
    answers: {
      "GET /workers": () => ({
        workers: [
          workerView({ jobs: [43, 44], vramBytes: 12 * 2 ** 30 }),
          workerView({
            id: 2,
            name: "llm-2",
            runtime: "llm",
            pinned: true,
            detail: "keeps 1 GiB",
            state: "asleep",
          }),
        ],
      }),
    },
    wrong: { argv: ["workers", "ls", "--filter", "state = redy"] },
  },
  "workers start": {
    argv: ["workers", "start", "sdxl"],
    answers: { "POST /workers/start": () => worker },
    wrong: { answers: { "POST /workers/start": noRuntime } },
  },
  "workers stop": {
    argv: ["workers", "stop", "sdxl-1"],
    answers: { "POST /workers/:worker/stop": () => worker },
    wrong: { answers: { "POST /workers/:worker/stop": noWorker } },
  },
  "workers preload": {
    argv: ["workers", "preload", "sdxl"],
    answers: {
      "POST /workers/preload": () => ({ lane: "sdxl", worker: null, until: "2026-01-02T01:00:00.000Z" }),
    },
    wrong: { answers: { "POST /workers/preload": denied } },
  },
  "workers pin": {
    argv: ["workers", "pin", "sdxl-1"],
    answers: { "POST /workers/:worker/pin": () => worker },
    wrong: { answers: { "POST /workers/:worker/pin": noWorker } },
  },
  "workers unpin": {
    argv: ["workers", "unpin", "sdxl-1"],
    answers: { "POST /workers/:worker/pin": () => worker },
    wrong: { argv: ["workers", "unpn", "sdxl-1"] },
  },
  "workers sleep": {
    argv: ["workers", "sleep", "sdxl-1"],
    answers: { "POST /workers/:worker/sleep": () => worker },
    wrong: { answers: { "POST /workers/:worker/sleep": fails("worker/no-sleep", "sdxl-1 cannot sleep") } },
  },
  "workers wake": {
    argv: ["workers", "wake", "sdxl-1"],
    answers: { "POST /workers/:worker/wake": () => worker },
    wrong: { answers: { "POST /workers/:worker/wake": noWorker } },
  },
  "reserve add": {
    argv: ["reserve", "add", "--gpus", "1", "--start", "2026-01-02T09:00Z", "--for", "2h"],
    answers: { "POST /reservations": () => reservation },
    wrong: { argv: ["reserve", "add", "--gpus", "1"] },
  },
  "reserve ls": {
    argv: ["reserve", "ls"],
    answers: {
      "GET /reservations": () => ({
        reservations: [reservation, { ...reservation, id: 5, name: "kurs", state: "active" }],
      }),
    },
    wrong: { argv: ["reserve", "ls", "--filter", "usrs = ada"] },
  },
  "reserve rm": {
    argv: ["reserve", "rm", "demo"],
    answers: { "POST /reservations/:reservation/remove": () => reservation },
    wrong: { argv: ["reserve", "rm"] },
  },
  dashboard: {
    argv: ["dashboard", "--print"],
    answers: {
      "POST /logins": () => ({
        url: "http://127.0.0.1:7707/dashboard/login?token=x1",
        expiresAt: "2026-03-01T12:05:00.000Z",
      }),
    },
    wrong: {
      answers: { "POST /logins": fails("gateway/off", "the gateway is off, and the dashboard with it") },
    },
  },
  "keys add": {
    argv: ["keys", "add", "ci", "--runtime", "sdxl", "--rate", "10/s", "--quota", "100/d"],
    answers: {
      "POST /keys": () => ({
        key: `orch_0a1b2c3d4e_${"x".repeat(43)}`,
        about: apiKey,
        gateway: { listen: "127.0.0.1:7707", url: "http://127.0.0.1:7707", detail: null, others: [] },
      }),
    },
    wrong: { argv: ["keys", "add"] },
  },
  "keys ls": {
    argv: ["keys", "ls"],
    answers: {
      "GET /keys": () => ({
        keys: [
          apiKey,
          { ...apiKey, id: "ffffffffff", name: "old", runtimes: null, rate: null, state: "expired" },
        ],
        gateway: null,
      }),
    },
    wrong: { argv: ["keys", "ls", "--filter", "nme = ci"] },
  },
  "keys rm": {
    argv: ["keys", "rm", "ci"],
    answers: { "POST /keys/:key/remove": () => apiKey },
    wrong: {
      answers: { "POST /keys/:key/remove": fails("key/unknown", "there is no key of this name or id") },
    },
  },
  "gpus ls": {
    argv: ["gpus"],
    answers: {
      "GET /gpus": () => ({
        gpus: [
          gpuView({
            leases: [{ worker: "sdxl-1", mode: "shared", vramBytes: 2 ** 33, usedBytes: 2 ** 32, fence: 3 }],
          }),
          gpuView({
            index: 1,
            healthy: false,
            processes: [],
            quarantine: { code: "xid", text: "Xid 79", since: "2026-01-02T00:00:00.000Z" },
          }),
        ],
      }),
    },
    wrong: { argv: ["gpus", "--filter", "memory.freeBytes > 10 GOB"] },
  },
  "gpus --history": {
    argv: ["gpus", "--history"],
    answers: {
      "GET /gpus/history": () => gpuHistoryView([3, 40, null, 97], { holders: [heldBy("sdxl-1", 7, null)] }),
    },
    wrong: { argv: ["gpus", "--history", "--since", "soonish"] },
  },
  "gpus clear": {
    argv: ["gpus", "clear", "0"],
    answers: { "POST /gpus/:gpu/clear": () => gpuView() },
    wrong: { answers: { "POST /gpus/:gpu/clear": fails("gpu/unknown", "there is no GPU 7", "orch gpus") } },
  },
  "runtimes ls": {
    argv: ["runtimes", "ls"],
    answers: {
      "GET /runtimes": () => ({
        runtimes: [sdxl, { ...sdxl, name: "broken", summary: "", problem: "runtime.yaml:1:1: no name" }],
      }),
    },
    wrong: { argv: ["runtimes", "ls", "--jsonl", "-q"] },
  },
  "runtimes show": {
    argv: ["runtimes", "show", "sdxl"],
    answers: { "GET /runtimes/:runtime": () => sdxl },
    wrong: { answers: { "GET /runtimes/:runtime": noRuntime } },
  },
  "runtimes validate": {
    argv: ["runtimes", "validate", "sdxl"],
    answers: { "POST /runtimes/validate": () => sdxl },
    wrong: { answers: { "POST /runtimes/validate": fails("runtime/invalid", "runtime.yaml:1:1: no name") } },
  },
  "runtimes build": {
    argv: ["runtimes", "build", "sdxl"],
    answers: {
      "POST /runtimes/:runtime/build": () => [
        { type: "log", text: "step 1" },
        { type: "built", image: "orch/sdxl:abc" },
      ],
    },
    wrong: { answers: { "POST /runtimes/:runtime/build": fails("engine/failed", "the build failed") } },
  },
  "runtimes forget": {
    argv: ["runtimes", "forget", "sdxl"],
    answers: { "POST /runtimes/:runtime/forget": () => ({ runtime: "sdxl", lanes: ["sdxl"] }) },
    wrong: { answers: { "POST /runtimes/:runtime/forget": noRuntime } },
  },
  "runtimes reset": {
    argv: ["runtimes", "reset", "sdxl"],
    answers: { "POST /runtimes/:runtime/reset": () => ({ runtime: "sdxl" }) },
    wrong: { answers: { "POST /runtimes/:runtime/reset": noRuntime } },
  },
  status: {
    argv: ["status"],
    answers: { "GET /status": () => statusView() },
    wrong: { argv: ["status", "--watch"] },
  },
  events: {
    argv: ["events"],
    answers: {
      "GET /events": () => [event, { ...event, seq: 5, type: "job-started", text: "job 42 started" }],
    },
    wrong: { argv: ["events", "--filter", "type ="] },
  },
  history: {
    argv: ["history"],
    answers: { "GET /history": () => history },
    wrong: { argv: ["history", "--watch", "soon"] },
  },
  stats: {
    argv: ["stats"],
    answers: { "GET /stats": () => stats },
    wrong: { argv: ["stats", "--by", "day"] },
  },
  prune: {
    argv: ["prune", "--older-than", "30d", "--dry-run"],
    answers: { "POST /jobs/prune": () => ({ jobs: 12, bytes: 3 * 2 ** 20, more: false }) },
    wrong: { argv: ["prune"] },
  },
  "prune --tasks": {
    of: "prune",
    argv: ["prune", "--tasks", "--older-than", "90d", "--dry-run"],
    answers: { "POST /tasks/prune": () => ({ tasks: 7, results: 5, bytes: 2 ** 20, more: false }) },
    wrong: { argv: ["prune", "--tasks", "--older-than", "90d", "--state", "cancelled"] },
  },
  "history --trace": {
    argv: ["history", "--trace"],
    answers: { "GET /history/trace": () => [traceLine] },
    wrong: { answers: { "GET /history/trace": denied } },
  },
  up: {
    argv: ["up"],
    answers: { "GET /hello": () => ({ pid: 99, version: "0.1.0", api: 1 }) },
    wrong: { argv: ["up", "--gpu"] },
  },
  paths: { argv: ["paths"], answers: {}, wrong: { argv: ["paths", "--jso"] } },
};
