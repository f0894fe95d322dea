import type { ApiKeyView } from "../../../src/protocol/api-keys.ts";
import type { QuotaView } from "../../../src/protocol/submission-views.ts";
import type { ReservationView, ScheduleView } from "../../../src/protocol/timetable.ts";
import type { DecisionView, EtaView, EventView } from "../../../src/protocol/views.ts";
import { finishedJob, jobView } from "../sample-views.ts";

// What the daemon answers in the golden tests, beside the sample views. The clock stands at 2026-01-02T00:10:00Z.

const gpu = "GPU-0a1b2c3d-0000-0000-0000-000000000000";

export const eta: EtaView = {
  at: "2026-01-02T00:14:00.000Z",
  inMs: 240_000,
  extrapolated: false,
  error: { meanMs: 45_000, share: 0.2, count: 31 },
};

export const decision: DecisionView = {
  at: "2026-01-02T00:10:00.000Z",
  inMs: 95_000,
  kind: "drain-worker",
  worker: "sdxl-1",
  job: null,
  lane: "sdxl",
  gpus: [gpu],
  why: "makes room for 漢字-flux",
};

export const jobs = [
  jobView({
    id: 43,
    state: "running",
    reason: null,
    startedAt: "2026-01-02T00:09:00.000Z",
    worker: "sdxl-1",
    progress: { fraction: 0.409, text: null },
    labels: { team: "vision" },
  }),
  jobView({ summary: "ein Fuchs 🦊 im Schnee, 油画" }),
  finishedJob({
    id: 9,
    label: "nightly",
    state: "failed",
    exitCode: 3,
    reason: { code: "exit", text: "exit code 3" },
    array: { id: 7, index: 2 },
  }),
];

export const schedule: ScheduleView = {
  id: 3,
  name: "nightly",
  line: "0 3 * * *",
  timeZone: "UTC",
  description: "every day at 03:00",
  missed: "skip",
  overlap: false,
  paused: false,
  next: "2026-01-02T03:00:00.000Z",
  lastJob: { id: 41, state: "succeeded" },
  lastError: null,
  summary: "python eval.py",
  user: "ada",
  createdAt: "2026-01-01T12:00:00.000Z",
};

export const reservation: ReservationView = {
  id: 2,
  name: "demo",
  state: "planned",
  gpus: [{ index: 0, uuid: gpu }],
  start: "2026-01-02T09:00:00.000Z",
  end: "2026-01-02T11:00:00.000Z",
  users: ["ada", "bob"],
  groups: ["students"],
  owner: "ada",
};

export const apiKey: ApiKeyView = {
  id: "0a1b2c3d4e",
  name: "ci",
  user: "ada",
  scopes: ["read", "submit"],
  runtimes: ["sdxl"],
  rate: { count: 10, perMs: 1000 },
  quota: { count: 100, perMs: 86_400_000 },
  createdAt: "2026-01-01T09:00:00.000Z",
  expiresAt: "2026-03-02T09:00:00.000Z",
  usedAt: null,
  state: "valid",
};

export const accounts: QuotaView[] = [
  {
    account: "user:ada",
    waiting: 5,
    running: 2,
    gpus: 1.5,
    gpuHours: 12.25,
    share: 0.75,
    limits: { running: 2, queued: null, gpuHours: 100, maxPriority: 10 },
    blockedBy: "running",
  },
  {
    account: "user:bob",
    waiting: 0,
    running: 0,
    gpus: 0,
    gpuHours: 4,
    share: 0.25,
    limits: null,
    blockedBy: null,
  },
];

const spread = { mean: 1500, p50: 1200, p95: 4000, p99: 9000, max: 65_000 };
export const history = {
  jobs: 120,
  since: "2026-01-01T00:00:00.000Z",
  runtimes: [
    {
      runtime: "run",
      jobs: 20,
      failed: 2,
      cancelled: 1,
      waitMs: spread,
      runMs: spread,
      switches: 0,
      startMs: null,
    },
    {
      runtime: "sdxl",
      jobs: 100,
      failed: 0,
      cancelled: 0,
      waitMs: null,
      runMs: spread,
      switches: 3,
      startMs: spread,
    },
  ],
};

export const event: EventView = {
  seq: 4,
  at: "2026-01-02T00:00:00.000Z",
  type: "job-submitted",
  job: 42,
  correlation: "0123abcd-42",
  worker: null,
  gpu: null,
  text: "job 42 submitted to sdxl (team=vision)",
};

export const traceLine = {
  job: 9,
  arrivalS: 1.5,
  model: "sdxl?style=a,b",
  runS: 12,
  user: "ada",
  priority: 0,
  gpus: 1,
  vramGib: null,
};

const usage = {
  runtime: "sdxl",
  user: "ada",
  jobs: 100,
  failed: 3,
  cancelled: 1,
  gpuHours: 12.25,
  waitMs: { p50: 1200, p90: 4000, p99: 65_000 },
  runMs: { p50: 900, p90: 1000, p99: 2000 },
  switches: 4,
  energyKwh: 1.5,
  cost: null,
};
export const stats = {
  jobs: 120,
  since: "2026-01-01T00:00:00.000Z",
  energyPrice: null,
  usage: [usage, { ...usage, runtime: "run", user: "bob", waitMs: null, runMs: null, energyKwh: null }],
  total: { ...usage, runtime: null, user: null },
};
