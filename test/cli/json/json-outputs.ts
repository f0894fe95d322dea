import { z } from "zod";
import { operations } from "../../../src/operations/index.ts";
import { JobDetail, JobView, jobStates, StatusView, WorkerView } from "../../../src/protocol/views.ts";
import { failureTable } from "../../../src/std/failure.ts";
import { hostOutputs } from "./host-outputs.ts";

/** What a command prints with --json. */
export interface JsonOutput {
  readonly schema: z.ZodType;
  /** One document a line, until the stream ends. */
  readonly isLines?: boolean;
}

type Listed = (typeof operations)[number];

/** What the operation of this route answers. */
function answerOf(route: Listed["route"]): z.ZodType {
  const found = operations.find((operation) => operation.route === route);
  if (found === undefined) throw new Error(`there is no ${route}`);
  return found.output;
}

const jobs = z
  .object({ jobs: z.array(JobView) })
  .describe("the jobs as they are now; of those that were refused stderr tells");
const changed = z.union([jobs, answerOf("POST /arrays/:array/cancel")]).describe("the second with --array");
const submitted = z
  .union([
    answerOf("POST /jobs"),
    answerOf("POST /jobs/array"),
    answerOf("POST /jobs/batch"),
    answerOf("POST /jobs/dry-run"),
    JobDetail,
    z.object({ jobs: z.array(JobDetail) }),
  ])
  .describe("one job; --array, --sweep; --batch; --dry-run; --wait with one job; --wait with several");
const retried = z.object({ retried: z.array(z.object({ job: z.number().int(), as: z.number().int() })) });
const daemon = z.object({ pid: z.number().int(), version: z.string() });
const worker = answerOf("POST /workers/start");
const schedule = answerOf("POST /schedules");

const followed = z.union([
  z.object({ type: z.literal("job"), job: JobView }),
  z.object({
    type: z.literal("progress"),
    job: z.number().int(),
    fraction: z.number(),
    text: z.string().nullable(),
  }),
  z.object({ type: z.literal("log"), job: z.number().int(), text: z.string() }),
]);

/** By the command, as it is typed. Commands without an own document are not here: they print what others write. */
export const jsonOutputs: Readonly<Record<string, JsonOutput>> = {
  ...hostOutputs,
  "": {
    schema: z.object({
      daemon: daemon.nullable().describe("null when none runs"),
      jobs: z.partialRecord(z.enum(jobStates), z.number().int()).optional(),
    }),
  },
  "--version": { schema: z.object({ version: z.string(), schemaVersion: z.number().int() }) },
  submit: { schema: submitted },
  run: {
    schema: z.union([submitted, followed]).describe("the second for each line, while it follows the job"),
    isLines: true,
  },
  ls: { schema: answerOf("GET /jobs") },
  show: { schema: answerOf("GET /jobs/:job") },
  logs: { schema: answerOf("GET /logs"), isLines: true },
  wait: { schema: jobs },
  why: { schema: answerOf("GET /jobs/:job/why") },
  plan: { schema: answerOf("GET /plan") },
  cancel: { schema: changed },
  hold: { schema: changed },
  release: { schema: changed },
  retry: { schema: z.union([jobs, retried]).describe("the second with --failed") },
  edit: { schema: JobView },
  prune: {
    schema: z
      .union([answerOf("POST /jobs/prune"), answerOf("POST /tasks/prune")])
      .describe("the second with --tasks"),
  },
  stats: { schema: answerOf("GET /stats") },
  update: { schema: JobView },
  quotas: { schema: answerOf("GET /quotas") },
  "schedule add": { schema: schedule },
  "schedule ls": { schema: answerOf("GET /schedules") },
  "schedule show": { schema: answerOf("GET /schedules/:schedule") },
  "schedule pause": { schema: schedule },
  "schedule resume": { schema: schedule },
  "schedule rm": { schema: schedule },
  "schedule run-now": { schema: answerOf("POST /schedules/:schedule/run-now") },
  "schedule next": { schema: answerOf("GET /cron-fires") },
  "workers ls": { schema: answerOf("GET /workers") },
  "workers start": { schema: worker },
  "workers stop": { schema: worker },
  "workers switch": {
    schema: WorkerView.extend({
      phases: z
        .array(z.object({ phase: z.string(), worker: z.string().nullable(), ms: z.number() }))
        .optional()
        .describe("what it took until it was ready; not with --detach"),
    }),
  },
  "workers preload": { schema: answerOf("POST /workers/preload") },
  "workers pin": { schema: worker },
  "workers unpin": { schema: worker },
  "workers sleep": { schema: worker },
  "workers wake": { schema: worker },
  apply: {
    schema: z
      .union([answerOf("POST /tasks"), z.object({ tasks: z.array(answerOf("GET /tasks/:task")) })])
      .describe("the second with --wait"),
  },
  get: {
    schema: z.union([answerOf("GET /tasks"), answerOf("GET /tasks/:task")]).describe("the second with an id"),
  },
  "webhooks ls": { schema: answerOf("GET /webhooks") },
  "webhooks show": { schema: answerOf("GET /webhooks/:webhook") },
  "webhooks retry": { schema: z.object({ retried: z.array(z.string()).describe("ids of webhooks") }) },
  "reserve add": { schema: answerOf("POST /reservations") },
  "reserve ls": { schema: answerOf("GET /reservations") },
  "reserve rm": { schema: answerOf("POST /reservations/:reservation/remove") },
  dashboard: { schema: answerOf("POST /logins") },
  ui: {
    schema: z
      .union([answerOf("GET /uis"), answerOf("POST /uis/:ui/login")])
      .describe("the second with a runtime"),
  },
  "keys add": { schema: answerOf("POST /keys") },
  "keys ls": { schema: answerOf("GET /keys") },
  "keys rm": { schema: answerOf("POST /keys/:key/remove") },
  "gpus ls": { schema: answerOf("GET /gpus") },
  "gpus --history": { schema: answerOf("GET /gpus/history") },
  "gpus clear": { schema: answerOf("POST /gpus/:gpu/clear") },
  "runtimes ls": { schema: answerOf("GET /runtimes") },
  "runtimes show": { schema: answerOf("GET /runtimes/:runtime") },
  "runtimes validate": { schema: answerOf("POST /runtimes/validate") },
  "runtimes build": { schema: answerOf("POST /runtimes/:runtime/build"), isLines: true },
  "runtimes forget": { schema: answerOf("POST /runtimes/:runtime/forget") },
  "runtimes reset": { schema: answerOf("POST /runtimes/:runtime/reset") },
  status: { schema: StatusView },
  metrics: { schema: answerOf("GET /metrics") },
  top: { schema: z.object({ status: StatusView, jobs: z.array(JobView), total: z.number().int() }) },
  events: { schema: answerOf("GET /events"), isLines: true },
  history: { schema: answerOf("GET /history") },
  "history --trace": { schema: answerOf("GET /history/trace"), isLines: true },
  up: { schema: daemon.extend({ started: z.boolean().describe("false: it was running already") }) },
  down: { schema: z.object({ pid: z.number().int().nullable(), stopped: z.boolean() }) },
  paths: {
    schema: z.looseObject({
      socket: z.string(),
      daemonLog: z.string(),
      runtimeDirs: z.array(z.object({ origin: z.string(), path: z.string() })),
    }),
  },
};

const codes = Object.keys(failureTable) as [string, ...string[]];

/** What stands on stderr as its last line when a command with --json fails. */
export const errorOutput = z.object({
  error: z.object({
    code: z.enum(codes).describe("stable; docs/json.md has the exit codes"),
    message: z.string().describe("what failed, with the value"),
    why: z.string().optional(),
    hint: z.string().optional().describe("the command to try"),
  }),
});
