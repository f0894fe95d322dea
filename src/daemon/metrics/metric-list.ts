import type { MetricSpec, MetricType } from "../../std/metric-families.ts";

/** Of waits and loads: a warm worker answers at once, a large model loads for minutes, a queue may last a day. Seconds. */
const LONG = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 21_600, 86_400];
/** Of what one turn of the event loop does. Seconds. */
const SHORT = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
/** Of answers over TCP: from a look at a list to a long generation. Seconds. */
const ANSWER = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
/** What was, divided by what was expected. */
const RATIO = [0.1, 0.25, 0.5, 0.75, 0.9, 1, 1.1, 1.25, 1.5, 2, 4, 10];

const gpu = ["gpu", "uuid"] as const;
const route = ["surface", "route"] as const;

function spec<T extends MetricType>(type: T) {
  return (name: string, labels: readonly string[], help: string): MetricSpec & { readonly type: T } => {
    return { name, type, labels, help };
  };
}
const counter = spec("counter");
const gauge = spec("gauge");

function histogram(name: string, labels: readonly string[], buckets: readonly number[], help: string) {
  return { ...spec("histogram")(name, labels, help), buckets };
}

/** What becomes of jobs. */
const jobList = {
  jobs: gauge(
    "orch_jobs",
    ["runtime", "state"],
    "Jobs that are not finished: held, queued, starting or running",
  ),
  jobsWaiting: gauge(
    "orch_jobs_waiting",
    ["reason"],
    "Queued jobs by the reason that orch why gives for their lane",
  ),
  jobsSubmitted: counter(
    "orch_jobs_submitted_total",
    ["runtime", "kind"],
    "Jobs taken in; kind = request: its caller waits on the line",
  ),
  jobsFinished: counter(
    "orch_jobs_finished_total",
    ["runtime", "kind", "result"],
    "Jobs that succeeded, failed or were cancelled",
  ),
  jobWait: histogram(
    "orch_job_queue_wait_seconds",
    ["runtime", "kind"],
    LONG,
    "From a job's submission until its first run began",
  ),
  jobRun: histogram(
    "orch_job_run_seconds",
    ["runtime", "kind"],
    LONG,
    "How long runs of jobs lasted, each attempt by itself",
  ),
  preemptions: counter(
    "orch_job_preemptions_total",
    ["runtime"],
    "Runs that were stopped and queued again for a job of higher priority",
  ),
  retries: counter("orch_job_retries_total", ["runtime"], "Further runs of a job after its first"),
  requestsOpen: gauge(
    "orch_requests",
    ["state"],
    "Jobs whose callers wait on the line: waiting for their turn, or running",
  ),
  outOfMemory: counter(
    "orch_out_of_memory_total",
    ["of"],
    "Jobs, and workers that were loading, that ran out of GPU memory",
  ),
  queueDepth: gauge("orch_queue_depth", ["runtime"], "Queued jobs"),
  queueAge: gauge(
    "orch_queue_oldest_age_seconds",
    ["runtime"],
    "Age of the oldest queued job, since it was submitted",
  ),
  lanes: gauge(
    "orch_lanes",
    ["state"],
    "Lanes (a runtime with its load params) in which jobs wait, and others",
  ),
  runEstimate: histogram(
    "orch_job_run_estimate_ratio",
    ["runtime"],
    RATIO,
    "Run time divided by what was expected when it began, of runs that succeeded",
  ),
  etaError: gauge(
    "orch_eta_error_seconds",
    ["runtime"],
    "How far off the times were at which waiting jobs were said to start, on average; of the worst lane",
  ),
} as const;

/** What workers do, and what switches cost. */
const workerList = {
  workers: gauge("orch_workers", ["runtime", "state"], "Workers by what they do"),
  leases: gauge("orch_leases", ["mode"], "Leases on GPUs; residue = what a sleeping worker still holds"),
  switches: counter(
    "orch_switches_total",
    ["runtime", "kind", "reason"],
    "Resident workers that became ready on a GPU, by a start or by waking; demand = a job waited, asked = a person, home = kept while there is room",
  ),
  phases: histogram(
    "orch_switch_phase_seconds",
    ["phase", "reason"],
    LONG,
    "What switches are made of: drain, stop, sleep (by why it left), vram-wait, start, load, wake (by why it came)",
  ),
  evictions: counter(
    "orch_evictions_total",
    ["kind", "reason"],
    "Workers that made room: stop, sleep or freeze",
  ),
  startFailures: counter(
    "orch_start_failures_total",
    ["runtime"],
    "Workers that ended before they were ready",
  ),
  crashes: counter(
    "orch_worker_crashes_total",
    ["runtime"],
    "Resident workers that ended unasked after they had been ready",
  ),
  sleepFailures: counter("orch_sleep_failures_total", [], "Workers that failed to fall asleep or to wake"),
  vramEstimate: histogram(
    "orch_vram_estimate_ratio",
    ["runtime"],
    RATIO,
    "Most memory that a worker was seen to hold on one GPU, divided by its lease",
  ),
  events: counter("orch_events_total", ["type"], "Lines of the event log"),
} as const;

/** What the driver says, and what orch has done with it. */
const gpuList = {
  gpuInfo: gauge("orch_gpu_info", [...gpu, "name", "vendor"], "Always 1; what the GPU is"),
  gpuState: gauge(
    "orch_gpu_state",
    [...gpu, "state"],
    "1 for the state that the GPU is in: healthy, quarantined or lost",
  ),
  gpuCapacity: gauge("orch_gpu_memory_capacity_bytes", gpu, "Memory of the GPU"),
  gpuUsed: gauge("orch_gpu_memory_used_bytes", gpu, "Memory in use, whoever uses it"),
  gpuReserved: gauge("orch_gpu_memory_reserved_bytes", gpu, "Memory that leases have set aside"),
  gpuOurs: gauge(
    "orch_gpu_memory_ours_bytes",
    gpu,
    "Memory that workers of orch hold, as far as the driver tells",
  ),
  gpuForeign: gauge("orch_gpu_memory_foreign_bytes", gpu, "Memory that programs of others hold"),
  gpuUtilization: gauge("orch_gpu_utilization_ratio", gpu, "Part of the time in which a kernel ran"),
  gpuTemperature: gauge("orch_gpu_temperature_celsius", gpu, "Temperature"),
  gpuPower: gauge("orch_gpu_power_watts", gpu, "Power draw"),
  gpuEnergy: counter(
    "orch_gpu_energy_joules_total",
    gpu,
    "Energy since the daemon began: power between samples, summed up",
  ),
  gpuSampleAge: gauge("orch_gpu_sample_age_seconds", [], "Since the driver last answered"),
  gpuSampleFailures: gauge(
    "orch_gpu_sample_failures",
    [],
    "Readings in a row that the driver did not answer",
  ),
} as const;

/** How the daemon itself is. */
const daemonList = {
  build: gauge("orch_build_info", ["version", "node"], "Always 1; which orch and which Node.js"),
  started: gauge("orch_start_time_seconds", [], "When the daemon began, since the epoch"),
  cpu: counter("orch_cpu_seconds_total", [], "CPU time of the daemon's process"),
  memory: gauge("orch_resident_memory_bytes", [], "Memory of the daemon's process"),
  stopping: gauge("orch_stopping", [], "1 while the daemon takes no new work"),
  decision: histogram(
    "orch_scheduler_decision_seconds",
    [],
    SHORT,
    "From the beginning of a step of the scheduler until it is decided what changes",
  ),
  step: histogram(
    "orch_scheduler_step_seconds",
    [],
    SHORT,
    "A turn of the scheduler with its commit and all that follows at once",
  ),
  loopDelay: histogram(
    "orch_event_loop_delay_seconds",
    [],
    SHORT,
    "How late a timer of 20 ms comes: so long nobody was answered",
  ),
  commit: histogram(
    "orch_store_commit_seconds",
    [],
    SHORT,
    "Commits of the database, until they are on disk",
  ),
  undone: counter("orch_store_undone_total", [], "Transactions that could not be written"),
  wal: gauge("orch_store_wal_bytes", [], "Size of the database's write-ahead log"),
  diskFree: gauge("orch_state_disk_free_bytes", [], "Space left on the disk of the state folder"),
  diskSize: gauge("orch_state_disk_size_bytes", [], "Size of the disk of the state folder"),
  logBytes: gauge("orch_logs_bytes", [], "Logs of jobs and workers on disk, as last measured"),
  scrape: gauge("orch_scrape_seconds", [], "How long the scrape before this one kept the event loop"),
} as const;

/** What is asked over TCP. */
const gatewayList = {
  requests: counter(
    "orch_gateway_requests_total",
    [...route, "code"],
    "Requests that were answered or broken off, by the class of the status (2xx; none = broken off)",
  ),
  requestTime: histogram(
    "orch_gateway_request_seconds",
    route,
    ANSWER,
    "From a request's head until its answer was over",
  ),
  firstByte: histogram(
    "orch_gateway_first_byte_seconds",
    route,
    ANSWER,
    "From a request's head until its answer began",
  ),
  inFlight: gauge("orch_gateway_requests_in_flight", [], "Requests that are being answered"),
  received: counter(
    "orch_gateway_received_bytes_total",
    ["surface"],
    "Bytes of requests, as far as the connection has counted them",
  ),
  sent: counter("orch_gateway_sent_bytes_total", ["surface"], "Bytes of answers"),
  apiKeys: gauge("orch_api_keys", [], "API keys, expired ones included"),
} as const;

/** Every metric that orch exports by itself. */
export const metricList = { ...daemonList, ...jobList, ...workerList, ...gpuList, ...gatewayList } as const;
