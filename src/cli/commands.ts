import type { Command } from "./command.ts";

export const commandGroups = ["Jobs", "Workers and GPUs", "Daemon"] as const;

/** A row of the table of commands: enough for the help; the command itself is imported when it is invoked. */
export interface CommandEntry {
  readonly summary: string;
  readonly group: (typeof commandGroups)[number];
  readonly load: () => Promise<Command>;
}

/** Every command by name, the commonest first within its group. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  submit: {
    summary: "Queue a job of a runtime",
    group: "Jobs",
    load: async () => (await import("./commands/submit.ts")).submit,
  },
  run: {
    summary: "Run a command on a GPU as a job",
    group: "Jobs",
    load: async () => (await import("./commands/run.ts")).run,
  },
  ls: { summary: "List jobs", group: "Jobs", load: async () => (await import("./commands/ls.ts")).ls },
  show: {
    summary: "Show a job with its attempts and events",
    group: "Jobs",
    load: async () => (await import("./commands/show.ts")).show,
  },
  logs: {
    summary: "Print what a job wrote",
    group: "Jobs",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  attach: {
    summary: "Come to the terminal of a job that was run with --pty",
    group: "Jobs",
    load: async () => (await import("./commands/attach.ts")).attach,
  },
  shell: {
    summary: "Open a shell that holds GPUs until it ends",
    group: "Jobs",
    load: async () => (await import("./commands/shell.ts")).shell,
  },
  wait: {
    summary: "Wait until jobs are finished",
    group: "Jobs",
    load: async () => (await import("./commands/wait.ts")).wait,
  },
  why: {
    summary: "Say why a job waits and when it starts, or why it ended",
    group: "Jobs",
    load: async () => (await import("./commands/why.ts")).why,
  },
  plan: {
    summary: "Show what the scheduler will do next",
    group: "Jobs",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  cancel: {
    summary: "Stop running jobs, drop waiting ones",
    group: "Jobs",
    load: async () => (await import("./commands/cancel.ts")).cancel,
  },
  retry: {
    summary: "Queue finished jobs once more, as new ones",
    group: "Jobs",
    load: async () => (await import("./commands/retry.ts")).retry,
  },
  hold: {
    summary: "Keep waiting jobs from starting",
    group: "Jobs",
    load: async () => (await import("./commands/hold.ts")).hold,
  },
  release: {
    summary: "Let held jobs start",
    group: "Jobs",
    load: async () => (await import("./commands/release.ts")).release,
  },
  update: {
    summary: "Change the priority, limits, times or params of a waiting job",
    group: "Jobs",
    load: async () => (await import("./commands/update.ts")).update,
  },
  edit: {
    summary: "Change a waiting job in your editor",
    group: "Jobs",
    load: async () => (await import("./commands/edit.ts")).edit,
  },
  quotas: {
    summary: "Use of the GPUs by user and group, and its limits",
    group: "Jobs",
    load: async () => (await import("./commands/quotas.ts")).quotas,
  },
  schedule: {
    summary: "Submit jobs by cron lines",
    group: "Jobs",
    load: async () => (await import("./commands/schedule.ts")).schedule,
  },
  apply: {
    summary: "Queue the tasks of a YAML document",
    group: "Jobs",
    load: async () => (await import("./commands/apply.ts")).apply,
  },
  get: {
    summary: "List tasks, or show one with its result",
    group: "Jobs",
    load: async () => (await import("./commands/get.ts")).get,
  },
  top: {
    summary: "GPUs, workers and jobs at a glance",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/top.ts")).top,
  },
  workers: {
    summary: "List, start, stop, switch and pin workers",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/workers.ts")).workers,
  },
  exec: {
    summary: "Run a command beside a running worker",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/exec.ts")).exec,
  },
  reserve: {
    summary: "Keep GPUs for some users for a while",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/reserve.ts")).reserve,
  },
  gpus: {
    summary: "List GPUs with their memory and leases",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/gpus.ts")).gpus,
  },
  runtimes: {
    summary: "List, show and check runtimes",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/runtimes.ts")).runtimes,
  },
  status: {
    summary: "Show the state of the daemon",
    group: "Daemon",
    load: async () => (await import("./commands/status.ts")).status,
  },
  metrics: {
    summary: "Print numbers for Prometheus",
    group: "Daemon",
    load: async () => (await import("./commands/metrics.ts")).metrics,
  },
  events: {
    summary: "Print what happened, event by event",
    group: "Daemon",
    load: async () => (await import("./commands/events.ts")).events,
  },
  bench: {
    summary: "Load runtimes with requests, measure throughput and latency",
    group: "Workers and GPUs",
    load: async () => (await import("./commands/bench.ts")).bench,
  },
  stats: {
    summary: "GPU-hours, waits and energy of finished jobs by runtime and user",
    group: "Daemon",
    load: async () => (await import("./commands/stats.ts")).stats,
  },
  webhooks: {
    summary: "Whom jobs tell how they come along, and what became of that",
    group: "Jobs",
    load: async () => (await import("./commands/webhooks.ts")).webhooks,
  },
  history: {
    summary: "Waits, run times and switches of finished jobs",
    group: "Daemon",
    load: async () => (await import("./commands/history.ts")).history,
  },
  sim: {
    summary: "Replay a trace of jobs in virtual time",
    group: "Daemon",
    load: async () => (await import("./commands/sim.ts")).sim,
  },
  prune: {
    summary: "Remove jobs that ended long ago, with their files",
    group: "Daemon",
    load: async () => (await import("./commands/prune.ts")).prune,
  },
  dashboard: {
    summary: "Open the dashboard in a browser",
    group: "Daemon",
    load: async () => (await import("./commands/dashboard.ts")).dashboard,
  },
  ui: {
    summary: "Open a worker's own page in a browser, or list such pages",
    group: "Daemon",
    load: async () => (await import("./commands/ui.ts")).ui,
  },
  keys: {
    summary: "API keys of the gateway",
    group: "Daemon",
    load: async () => (await import("./commands/keys.ts")).keys,
  },
  up: {
    summary: "Start the daemon in the background",
    group: "Daemon",
    load: async () => (await import("./commands/up.ts")).up,
  },
  down: {
    summary: "Stop the daemon",
    group: "Daemon",
    load: async () => (await import("./commands/down.ts")).down,
  },
  daemon: {
    summary: "Run the daemon in the foreground",
    group: "Daemon",
    load: async () => (await import("./commands/daemon.ts")).daemon,
  },
  config: {
    summary: "Show the settings and where each came from",
    group: "Daemon",
    load: async () => (await import("./commands/config.ts")).config,
  },
  doctor: {
    summary: "Check this machine for all that orch needs",
    group: "Daemon",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  "bug-report": {
    summary: "Write a file for a report of a fault, without secrets",
    group: "Daemon",
    load: async () => (await import("./commands/bug-report.ts")).bugReport,
  },
  service: {
    summary: "Run orch as a service of systemd",
    group: "Daemon",
    load: async () => (await import("./commands/service.ts")).service,
  },
  paths: {
    summary: "Print every path orch uses",
    group: "Daemon",
    load: async () => (await import("./commands/paths.ts")).paths,
  },
  completion: {
    summary: "Print the completion script of a shell",
    group: "Daemon",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
};
