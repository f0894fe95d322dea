import { z } from "zod";
import type { ConfigOrigin } from "../../../src/config/config.ts";
import type { Done, Examination, ServiceShown } from "../../../src/host/main.ts";
import type { SimReport } from "../../../src/replay/report.ts";
import type { JsonOutput } from "./json-outputs.ts";

// What commands print that ask no daemon. The compiler compares it with what they make.

const spread = z.object({
  mean: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
});
const count = z.number().int();

const times = z
  .object({ mean: z.number(), p50: z.number(), p90: z.number(), p99: z.number(), max: z.number() })
  .nullable()
  .describe("of those that succeeded; null = there are none");
const counts = z.record(z.string(), z.number().int());

const loaded = z.object({
  shape: z.union([
    z.object({ kind: z.literal("requests"), requests: z.number().int(), concurrency: z.number().int() }),
    z.object({ kind: z.literal("users"), users: z.number().int(), rampMs: z.number(), holdMs: z.number() }),
  ]),
  rows: z.array(
    z.object({
      runtime: z.string().nullable().describe("null = all together"),
      requests: z.number().int(),
      succeeded: z.number().int(),
      failed: z.number().int(),
      seconds: z.number(),
      perSecond: z.number().describe("successes"),
      latencyMs: times,
      waitMs: times,
      runMs: times,
      workers: counts.describe("how many each did"),
      errors: counts.describe("what went wrong, and how often"),
    }),
  ),
});

const simulated = z.object({
  trace: z.object({
    name: z.string(),
    jobs: count,
    models: count,
    users: count,
    spanS: z.number().describe("from the first arrival to the last"),
    workS: z.number().describe("all run times together"),
    outOfOrder: count.describe("lines that stood after one that arrived later"),
  }),
  host: z.object({
    gpus: count,
    gpuBytes: z.number(),
    residents: count,
    replicas: count,
    switchS: z.number(),
    stopS: z.number(),
  }),
  policies: z.array(
    z.object({
      policy: z.string(),
      summary: z.string(),
      jobs: count,
      switches: count.describe("starts of workers, the first time of each model included"),
      waitS: spread,
      makespanS: z.number().describe("from the first arrival to the end of the last job"),
      gpuBusyShare: z.number(),
      switchShare: z.number(),
      models: z.array(z.object({ model: z.string(), jobs: count, switches: count, waitS: spread })),
    }),
  ),
}) satisfies z.ZodType<SimReport>;

const examined = z.object({
  ok: z.boolean().describe("nothing is broken; there may be warnings"),
  version: z.string(),
  findings: z.array(
    z.object({
      check: z.string(),
      level: z.enum(["ok", "warn", "bad"]),
      what: z.string(),
      why: z.string().nullable(),
      fix: z.string().nullable().describe("the command to try, or what to change"),
    }),
  ),
}) satisfies z.ZodType<Examination>;

const service = z.object({
  kind: z.enum(["system", "user"]),
  units: z.enum(["missing", "stale", "current"]),
  unitDir: z.string(),
  active: z.string(),
  enabled: z.string(),
  pid: count.nullable(),
  statusText: z.string(),
  since: z.string(),
  needsReload: z.boolean(),
}) satisfies z.ZodType<ServiceShown>;

const done = z.object({ done: z.array(z.string()), pid: count.nullable() }) satisfies z.ZodType<Done>;
const planned = z.object({
  units: z.array(z.object({ name: z.string(), text: z.string(), dir: z.string() })),
});

const origin = z.object({
  kind: z.enum(["flag", "env", "project", "user", "system", "default"]),
  where: z.string(),
}) satisfies z.ZodType<ConfigOrigin>;
const setting = z.object({
  key: z.string(),
  value: z.json(),
  origin,
  about: z.string(),
  variable: z.string().describe("of the environment"),
});

export const hostOutputs: Readonly<Record<string, JsonOutput>> = {
  bench: { schema: loaded },
  sim: { schema: simulated },
  doctor: { schema: examined },
  "bug-report": { schema: z.object({ file: z.string(), bytes: count }) },
  "service status": { schema: service },
  "service install": { schema: z.union([done, planned]).describe("the second with --print") },
  "service uninstall": { schema: done },
  "config ls": { schema: z.object({ settings: z.array(setting) }) },
  "config explain": { schema: setting },
};
