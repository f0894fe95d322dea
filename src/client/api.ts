import type { z } from "zod";
import type {
  DryRunView as DryRunSchema,
  EventView,
  FollowLine,
  GpuView,
  JobDetail,
  JobView,
  Reason,
  RuntimeView,
  StatusView,
  WorkerView,
} from "../protocol/views.ts";
import type { Json } from "../std/json.ts";

// The whole API by route, types only. What travels: see protocol/.

export type DryRunView = z.infer<typeof DryRunSchema>;

export interface JobOptions {
  priority?: number;
  retries?: number;
  timeLimitMs?: number;
  after?: readonly number[];
  hold?: boolean;
  label?: string;
  gpus?: number;
  vramBytes?: number;
}

export interface Submission {
  runtime: string;
  params: Readonly<Record<string, Json>>;
  options?: JobOptions;
}

interface JobInput {
  job: number;
}

/** Routes that answer once. */
export interface Api {
  "POST /jobs": { input: Submission; output: JobView };
  "POST /jobs/batch": { input: { jobs: readonly Submission[] }; output: { ids: number[] } };
  "POST /jobs/dry-run": { input: Submission; output: DryRunView };
  "POST /jobs/run": {
    input: {
      command: readonly string[];
      cwd: string;
      env: Readonly<Record<string, string>>;
      gpus?: number;
      vramBytes: number | null;
      mode: "exclusive" | "shared";
      options?: JobOptions;
    };
    output: JobView;
  };
  "GET /jobs": {
    input: { states?: readonly string[]; runtime?: string; limit?: number; before?: number };
    output: { jobs: JobView[]; total: number };
  };
  "GET /jobs/:job": { input: JobInput; output: JobDetail };
  "POST /jobs/:job/cancel": { input: JobInput; output: JobView };
  "POST /jobs/:job/retry": { input: JobInput; output: JobView };
  "POST /jobs/:job/hold": { input: JobInput; output: JobView };
  "POST /jobs/:job/release": { input: JobInput; output: JobView };
  "GET /jobs/:job/why": {
    input: JobInput;
    output: { job: JobView; reason: Reason; position: number | null; ahead: number[]; lane: string };
  };
  "GET /workers": { input: { all?: boolean }; output: { workers: WorkerView[] } };
  "POST /workers/start": {
    input: { runtime: string; params?: Readonly<Record<string, Json>> };
    output: WorkerView;
  };
  "POST /workers/:worker/stop": { input: { worker: string; force?: boolean }; output: WorkerView };
  "POST /workers/switch": {
    input: { runtime: string; params?: Readonly<Record<string, Json>>; gpu?: string };
    output: WorkerView;
  };
  "POST /workers/:worker/pin": { input: { worker: string; pinned: boolean }; output: WorkerView };
  "GET /gpus": { input: { processes?: boolean }; output: { gpus: GpuView[] } };
  "GET /runtimes": { input: Record<never, never>; output: { runtimes: RuntimeView[] } };
  "GET /runtimes/:runtime": { input: { runtime: string }; output: RuntimeView };
  "POST /runtimes/validate": { input: { path: string }; output: RuntimeView };
  "GET /status": { input: Record<never, never>; output: StatusView };
  "POST /shutdown": { input: { mode: "leave" | "drain" | "kill" }; output: { pid: number } };
  "GET /hello": { input: Record<never, never>; output: { pid: number; version: string; api: number } };
}

/** Routes that answer with a stream of lines. */
export interface StreamApi {
  "GET /jobs/:job/logs": { input: { job: number; follow?: boolean; tail?: number }; line: { text: string } };
  "GET /follow": { input: { jobs: readonly number[]; logs?: boolean }; line: FollowLine };
  "GET /events": { input: { follow?: boolean; after?: number; limit?: number }; line: EventView };
}
