import type { LineOf } from "../../../src/client/client.ts";
import type { Answers } from "../../client/socket-server.ts";
import { finishedJob, jobDetail, jobView, logLine, statusView, workerView } from "../sample-views.ts";
import { eventBefore, ready, switchEvents } from "../switch-story.ts";
import { fails, type GoldenCase } from "./golden-case.ts";
import { jobs, schedule } from "./golden-views.ts";

// Commands that stay until something has come to pass, or ask more than once.

const running = jobView({
  state: "running",
  reason: null,
  startedAt: "2026-01-02T00:01:00Z",
  worker: "run-42",
});
const failed = finishedJob({ state: "failed", exitCode: 3, reason: { code: "failed", text: "exit code 3" } });
const noJob = fails("job/unknown", "there is no job 42", "orch ls --all");

type Followed = LineOf<"GET /follow">;
const follow = (last: typeof running): readonly Followed[] => [
  { type: "job", job: jobView() },
  { type: "job", job: running },
  { type: "progress", job: 42, fraction: 0.5, text: "halfway" },
  { type: "log", job: 42, text: "epoch 1\n", cursor: "42.1@8" },
  { type: "log", job: 42, text: "epoch 2\n", cursor: "42.1@16" },
  { type: "job", job: last },
  { type: "end" },
];

/** A job that waits when its terminal is asked for, and is over when it has been waited for. */
function terminalOf(): Answers {
  let asked = 0;
  return {
    "POST /jobs/run": () => jobView(),
    "GET /jobs/:job/terminal": () => ({ job: asked++ % 2 === 0 ? jobView() : finishedJob(), socket: null }),
    "GET /follow": () => follow(finishedJob()),
  };
}

/** An editor that is no person: it changes the priority. */
const EDITOR = "sed -i 's/^priority: 0/priority: 7/'";

/** By the command's name. */
export const followCases: Readonly<Record<string, GoldenCase>> = {
  run: {
    argv: ["run", "--gpus", "1", "--", "python", "train.py"],
    answers: { "POST /jobs/run": () => jobView(), "GET /follow": () => follow(finishedJob()) },
    wrong: { argv: ["run", "--shared", "--", "true"] },
  },
  "run that fails": {
    of: "run",
    argv: ["run", "--", "false"],
    answers: { "POST /jobs/run": () => jobView(), "GET /follow": () => follow(failed) },
    wrong: {
      answers: { "POST /jobs/run": fails("quota/refused", "ada may have no more jobs", "orch quotas") },
    },
  },
  "run -d": {
    of: "submit",
    argv: ["run", "-d", "--", "make", "all"],
    answers: { "POST /jobs/run": () => jobView() },
    wrong: { argv: ["run", "-d"] },
  },
  attach: {
    argv: ["attach", "42"],
    answers: terminalOf(),
    wrong: {
      answers: { "GET /jobs/:job/terminal": fails("job/state", "job 42 has no terminal", "orch logs 42") },
    },
  },
  shell: {
    argv: ["shell"],
    answers: terminalOf(),
    wrong: { argv: ["shell", "--leave-after", "soon"] },
  },
  wait: {
    argv: ["wait", "42"],
    answers: { "GET /follow": () => follow(finishedJob()) },
    wrong: { answers: { "GET /follow": noJob } },
  },
  "wait for a failed job": {
    of: "wait",
    argv: ["wait", "42"],
    answers: { "GET /follow": () => follow(failed) },
    wrong: { argv: ["wait", "42", "--state", "runing"] },
  },
  edit: {
    argv: ["edit", "42"],
    env: { EDITOR },
    files: {},
    answers: {
      "GET /jobs/:job": () => jobDetail({ runtime: "run", command: ["python", "train.py"], params: {} }),
      "POST /jobs/:job/update": ({ priority = 0 }) => jobView({ priority: Number(priority) }),
    },
    wrong: { answers: { "GET /jobs/:job": () => jobDetail({ state: "running" }) } },
  },
  "edit that changes nothing": {
    of: "edit",
    argv: ["edit", "42"],
    env: { EDITOR: "true" },
    files: {},
    answers: { "GET /jobs/:job": () => jobDetail({ runtime: "run", command: ["true"], params: {} }) },
    wrong: { answers: { "GET /jobs/:job": noJob } },
  },
  "logs of several": {
    of: "logs",
    argv: ["logs", "42", "sdxl-1"],
    answers: {
      "GET /logs": () => [
        logLine("one\ntwo\n"),
        logLine("loads\n", { source: "worker", job: null, worker: "sdxl-1", cursor: "w1@0" }),
        logLine("three\n", { cursor: "42.1@8" }),
      ],
    },
    wrong: { argv: ["logs"] },
  },
  "logs --jsonl": {
    of: "logs",
    argv: ["logs", "--daemon", "--jsonl"],
    answers: {
      "GET /logs": () => [
        logLine("orch is ready", {
          at: "2026-01-02T00:00:00.000Z",
          source: "daemon",
          ...{ job: null, attempt: null, worker: null, correlation: null, cursor: "daemon@0" },
        }),
      ],
    },
    wrong: { argv: ["logs", "42", "--since", "soonish"] },
  },
  top: {
    argv: ["top", "--once"],
    answers: { "GET /status": () => statusView(), "GET /jobs": () => ({ jobs, total: 120 }) },
    wrong: { argv: ["top", "--theme", "drak"] },
  },
  "workers switch": {
    argv: ["workers", "switch", "sdxl"],
    answers: {
      "POST /workers/switch": () => workerView({ state: "starting" }),
      "GET /workers": () => ({ workers: [workerView()] }),
      "GET /events": ({ after }) => (after === undefined ? [eventBefore] : switchEvents(ready)),
    },
    wrong: {
      answers: {
        "POST /workers/switch": fails("runtime/unknown", "there is no runtime sdxl", "orch runtimes"),
        "GET /events": () => [eventBefore],
      },
    },
  },
  "schedule add": {
    argv: ["schedule", "add", "0 3 * * *", "--name", "nightly", "--", "run", "--", "python", "eval.py"],
    answers: { "POST /schedules": () => schedule },
    wrong: { argv: ["schedule", "add", "0 3 * * *", "--", "ls"] },
  },
};
