import { z } from "zod";
import { JsonValue } from "./json-value.ts";
import { LifeView } from "./life-view.ts";
import { jobStates } from "./list-fields.ts";
import { WebhookView } from "./webhook.ts";
import { decisionKinds, workerStates } from "./worker-states.ts";

// What callers see. Names are stable: `--json` prints these objects as they are.

export { jobStates };

const Timestamp = z.iso.datetime().describe("RFC 3339, UTC");

export const Reason = z
  .object({ code: z.string(), text: z.string() })
  .describe("why a waiting job waits, or why a finished one ended so: a stable code and a sentence");
export type Reason = z.infer<typeof Reason>;

export const Artifact = z.object({
  name: z.string(),
  bytes: z.number().int(),
  type: z.string().nullable(),
  path: z.string().describe("absolute path on this host"),
});

export const JobView = z.object({
  id: z.number().int(),
  runtime: z.string().describe('the runtime, or "run" for a command'),
  state: z.enum(jobStates),
  reason: Reason.nullable(),
  exitCode: z.number().int().nullable(),
  worker: z.string().nullable(),
  gpus: z.array(z.string()).describe("UUIDs of the GPUs it holds or held last"),
  attempts: z.number().int().describe("runs started so far"),
  priority: z.number().int(),
  progress: z.object({ fraction: z.number(), text: z.string().nullable() }).nullable(),
  summary: z.string().describe("the command, or the first text parameter"),
  label: z.string().nullable().describe("a name for people"),
  labels: z.record(z.string(), z.string()).describe("by which it is found among others"),
  correlation: z.string().describe("goes with the job into its environment, logs and events"),
  array: z
    .object({ id: z.number().int(), index: z.number().int() })
    .nullable()
    .describe("the array or sweep it belongs to, and its number there"),
  user: z.string(),
  submittedAt: Timestamp,
  startedAt: Timestamp.nullable(),
  finishedAt: Timestamp.nullable(),
  artifacts: z.array(Artifact),
});
export type JobView = z.infer<typeof JobView>;

export const EventView = z.object({
  seq: z.number().int(),
  at: Timestamp,
  type: z.string(),
  job: z.number().int().nullable(),
  correlation: z.string().nullable().describe("of the job"),
  worker: z.string().nullable(),
  gpu: z.string().nullable(),
  text: z.string(),
});
export type EventView = z.infer<typeof EventView>;

export const AttemptView = z.object({
  attempt: z.number().int(),
  worker: z.string(),
  startedAt: Timestamp,
  finishedAt: Timestamp.nullable(),
  outcome: z.string().nullable(),
  exitCode: z.number().int().nullable(),
});

export const JobDetail = JobView.extend({
  lane: z.string(),
  params: z.record(z.string(), JsonValue),
  command: z.array(z.string()).nullable(),
  terminal: z.boolean().describe("it runs in a terminal, which `orch attach` comes to while it runs"),
  output: JsonValue,
  after: z.array(z.number().int()),
  schedule: z.number().int().nullable().describe("the schedule that submitted it"),
  begin: Timestamp.nullable().describe("it does not start before; null once it may"),
  deadline: Timestamp.nullable(),
  preemptible: z.boolean(),
  preemptions: z.number().int().describe("times it was stopped for a job of higher priority"),
  retries: z.number().int(),
  timeLimitMs: z.number().nullable(),
  logPath: z.string(),
  outputDir: z.string(),
  history: z.array(AttemptView),
  webhook: WebhookView.nullable().describe("whom it tells by HTTP how it comes along"),
  life: LifeView,
  timeline: z.array(EventView),
});
export type JobDetail = z.infer<typeof JobDetail>;

export const WorkerView = z.object({
  id: z.number().int(),
  name: z.string(),
  runtime: z.string(),
  lane: z.string(),
  state: z.enum(workerStates),
  detail: z.string().describe("what it is doing or waiting for, in words"),
  gpus: z.array(z.string()),
  mode: z.enum(["exclusive", "shared", "none"]),
  vramBytes: z.number().nullable().describe("reserved on each GPU; null = all of it"),
  fence: z.number().int(),
  pinned: z.boolean(),
  pid: z.number().int().nullable(),
  jobs: z.array(z.number().int()),
  requests: z
    .number()
    .int()
    .describe("requests of the gateway that it serves now; they take slots as jobs do"),
  slots: z.number().int().describe("jobs it takes at once"),
  startedAt: Timestamp,
  readyAt: Timestamp.nullable(),
  since: Timestamp.describe("when it came into this state, or began this step of its start"),
  keptUntil: Timestamp.nullable().describe("when it is stopped if it stays idle; null = not, or not idle"),
  uiUrl: z
    .string()
    .optional()
    .describe("path at the gateway that leads to its own page, where the config has a door to that"),
});
export type WorkerView = z.infer<typeof WorkerView>;

export const GpuView = z.object({
  index: z.number().int(),
  uuid: z.string(),
  name: z.string(),
  vendor: z.enum(["nvidia", "amd"]).nullable().describe("null for GPUs on paper"),
  parent: z.string().nullable().describe("UUID of the board that it is a MIG instance of; null for a board"),
  healthy: z.boolean().describe("whether it may be used: the driver says so, and it is not in quarantine"),
  detail: z.string().nullable(),
  quarantine: z
    .object({
      code: z.enum(["lost", "reset-required", "xid", "memory", "stuck"]),
      text: z.string(),
      since: Timestamp,
    })
    .nullable()
    .describe("why it is kept out of use until somebody clears it"),
  memory: z.object({
    totalBytes: z.number(),
    usedBytes: z.number(),
    freeBytes: z.number(),
    reservedBytes: z.number(),
    foreignBytes: z.number(),
  }),
  utilizationPercent: z.number().nullable(),
  temperatureCelsius: z.number().nullable(),
  powerWatts: z.number().nullable(),
  numaNode: z.number().int().nullable().describe("null where the host does not tell"),
  nvlinkPeers: z.array(z.string()).describe("UUIDs of the GPUs that it reaches over NVLink or XGMI"),
  leases: z.array(
    z.object({
      worker: z.string(),
      mode: z.enum(["exclusive", "shared", "residue"]).describe("residue: what a worker holds in its sleep"),
      vramBytes: z.number().nullable(),
      usedBytes: z.number().nullable().describe("what the worker holds on this GPU now; null = unknown"),
      fence: z.number().int(),
    }),
  ),
  processes: z.array(
    z.object({
      pid: z.number().int(),
      name: z.string().nullable(),
      user: z.string().nullable().describe('an account, or "uid 1234" where the host has no name for it'),
      startedAt: Timestamp.nullable(),
      vramBytes: z.number().nullable(),
      worker: z.string().nullable().describe("the orch worker it belongs to, or orch (MPS); null = foreign"),
      unknown: z
        .enum(["hidden", "elsewhere"])
        .nullable()
        .describe("why it has no name: another user's and hidden by /proc, or not in this process table"),
    }),
  ),
});
export type GpuView = z.infer<typeof GpuView>;

export const ParamView = z.object({
  name: z.string(),
  type: z.enum(["string", "integer", "number", "boolean", "file", "json"]),
  required: z.boolean(),
  default: JsonValue.optional(),
  help: z.string(),
  load: z.boolean(),
  min: z.number().optional(),
  max: z.number().optional(),
  multipleOf: z.number().optional(),
  choices: z.array(z.union([z.string(), z.number()])).optional(),
  accept: z.array(z.string()),
});
export type ParamView = z.infer<typeof ParamView>;

export const RuntimeView = z.object({
  name: z.string(),
  summary: z.string(),
  origin: z.enum(["project", "user", "system", "shipped"]),
  dir: z.string(),
  engine: z.string(),
  protocol: z.string(),
  gpu: z.object({
    count: z.number().int(),
    vramBytes: z.number().nullable(),
    mode: z.enum(["exclusive", "shared"]),
    vendor: z.enum(["nvidia", "amd"]).nullable().describe("null = any"),
    mps: z
      .object({ isOn: z.boolean(), threads: z.number().nullable().describe("percent of a GPU's threads") })
      .nullable()
      .describe("whether workers that share a GPU do so by MPS; null = as the host has it"),
  }),
  slots: z.number().int(),
  replicas: z.object({ min: z.number().int(), max: z.number().int() }),
  keepAliveMs: z.number().nullable(),
  timeouts: z.object({ readyMs: z.number().nullable(), jobMs: z.number().nullable(), stopMs: z.number() }),
  params: z.array(ParamView),
  outputs: z.array(z.string()),
  switchMs: z.number().nullable().describe("measured start and stop of its costliest lane; null = not yet"),
  problem: z.string().nullable().describe("why it cannot be used, e.g. an error in its runtime.yaml"),
});
export type RuntimeView = z.infer<typeof RuntimeView>;

export const StatusView = z.object({
  pid: z.number().int(),
  version: z.string(),
  instance: z.string(),
  startedAt: Timestamp,
  uptimeMs: z.number(),
  probe: z.string().describe("how GPUs are seen: nvml, nvidia-smi, amd, virtual or none"),
  longestStallMs: z
    .number()
    .describe("how long the event loop stood still at most since this was last asked"),
  walBytes: z.number().int().describe("size of the database's write-ahead log"),
  logs: z.object({
    liveBytes: z.number().describe("what files that are written to take on disk, without packed parts"),
    totalBytes: z
      .number()
      .nullable()
      .describe("of the logs of all jobs and workers; null = not measured yet"),
    measuredAt: Timestamp.nullable().describe("when the total was; about once an hour"),
    limitBytes: z.number().nullable().describe("what they may take (logTotal); null = any amount"),
  }),
  gpus: z.array(GpuView),
  workers: z.array(WorkerView),
  jobs: z.record(z.enum(jobStates), z.number().int()).describe("number of jobs by state"),
  paths: z.record(z.string(), z.string()),
});
export type StatusView = z.infer<typeof StatusView>;

export const EtaView = z.object({
  at: Timestamp,
  inMs: z.number(),
  extrapolated: z
    .boolean()
    .describe("true: beyond what was played through, as the lane's rate so far has it; false: as planned"),
  error: z
    .object({
      meanMs: z.number(),
      share: z.number().nullable().describe("of the time that was foretold"),
      count: z.number().int(),
    })
    .nullable()
    .describe("how far past answers for this lane were off on average; null before there are any"),
});
export type EtaView = z.infer<typeof EtaView>;

export const DecisionView = z.object({
  at: Timestamp,
  inMs: z.number(),
  kind: z.enum(decisionKinds),
  worker: z.string().nullable(),
  job: z.number().int().nullable(),
  lane: z.string(),
  gpus: z.array(z.string()).describe("UUIDs"),
  why: z.string(),
});
export type DecisionView = z.infer<typeof DecisionView>;

export const DryRunView = z.object({
  runtime: z.string(),
  lane: z.string(),
  params: z.record(z.string(), JsonValue).describe("checked, with defaults filled in"),
  lease: z.object({
    gpus: z.number().int(),
    mode: z.enum(["exclusive", "shared"]),
    vramBytes: z.number().nullable(),
  }),
  fits: z.boolean(),
  placement: z.string().describe("where it would run now, or what it would wait for"),
  start: EtaView.nullable().describe("when it would start; null when that is not to be seen"),
  evicts: z.array(DecisionView).describe("workers that would make room for it"),
  command: z.array(z.string()).describe("what its worker would run"),
  env: z.record(z.string(), z.string()).describe("what orch would set in the worker's environment"),
});
export type DryRunView = z.infer<typeof DryRunView>;
