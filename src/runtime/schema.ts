import { z } from "zod";
import { parseBytes } from "../std/bytes.ts";
import { parseDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";
import { AliasesShape, aliasKeys } from "./check-aliases.ts";
import { ContainerShape } from "./container-shape.ts";
import { ParamValue } from "./param-value.ts";
import { ServerShape, serverKeysAt } from "./server-shape.ts";

/** A runtime's name: it is a folder, a lane and a word on the command line. */
export const runtimeNamePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** A param's name: it becomes a command-line flag. */
export const paramNamePattern = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

/** Timers of Node hold 31 bits of milliseconds; a longer one would fire at once. 24 days is the next whole day. */
const maxDurationMs = 24 * 86_400_000;

/** Less than this is surely a forgotten unit ("vram: 12"). */
const minVramBytes = 2 ** 20;

const Text = z.string().max(4096);

/** Reads a value by a function of std that throws a Failure; its sentence becomes the issue's. */
function readWith<T>(read: (value: unknown) => T): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const message = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
      context.issues.push({ code: "custom", message, input: value });
      return z.NEVER;
    }
  });
}

function readDurationMs(value: unknown, minMs: number): number {
  if (typeof value !== "string" && typeof value !== "number") {
    throw new Failure("usage/invalid", "a duration is needed", { hint: "write it like 90s, 10m or 1h30m" });
  }
  const durationMs = parseDurationMs(String(value));
  if (durationMs < minMs) throw new Failure("usage/invalid", `${JSON.stringify(value)} is too short a time`);
  if (durationMs > maxDurationMs) {
    throw new Failure("usage/invalid", `${JSON.stringify(value)} is longer than 24 days, the longest timer`);
  }
  return durationMs;
}

function readKeepAliveMs(value: unknown): number | null {
  if (value === -1 || value === "-1") return null;
  return readDurationMs(value, 0);
}

function readVramBytes(value: unknown): number | null {
  if (value === "all") return null;
  if (typeof value !== "string" && typeof value !== "number") {
    throw new Failure("usage/invalid", "an amount of memory or all is needed", {
      hint: "write it like 12GiB",
    });
  }
  const bytes = parseBytes(String(value));
  if (bytes < minVramBytes) {
    throw new Failure("usage/invalid", `${JSON.stringify(value)} is less than 1 MiB`, {
      hint: "write it with its unit, like 12GiB; a runtime without a GPU has count: 0",
    });
  }
  return bytes;
}

function readRamBytes(value: unknown): number {
  if (typeof value === "string" || typeof value === "number") return parseBytes(String(value));
  throw new Failure("usage/invalid", "an amount of memory is needed", { hint: "write it like 16GiB" });
}

/** The shortest is a second: a check takes up to five, and must not become the work itself. */
function readCheckEveryMs(value: unknown): number | null {
  return value === 0 || value === "0" ? null : readDurationMs(value, 1_000);
}

function readJobMs(value: unknown): number | null {
  return value === null ? null : readDurationMs(value, 1);
}

const EnvValue = z.union([Text, z.number(), z.boolean()], { error: "must be text, a number or true/false" });

const MpsShape = z.strictObject({ threads: z.number().int().min(1).max(100).nullable().default(null) });

export const GpuShape = z.strictObject({
  count: z.number().int().min(0).max(64).default(1),
  mode: z.enum(["exclusive", "shared"]).default("exclusive"),
  vram: readWith(readVramBytes).default(null),
  vendor: z.enum(["nvidia", "amd"]).nullable().default(null),
  mps: z
    .union([z.boolean(), MpsShape], { error: "must be true, false or { threads: 50 }" })
    .nullable()
    .default(null),
});

export const ReplicasShape = z.strictObject({
  min: z.number().int().min(0).max(64).default(0),
  max: z.number().int().min(1).max(64).default(1),
});

export const TimeoutsShape = z.strictObject({
  ready: readWith(readJobMs).default(null),
  job: readWith(readJobMs).default(null),
  stop: readWith((value) => readDurationMs(value, 0)).default(20_000),
});

/** A CUDA context and what engines keep beside it take some hundred MiB. */
const DEFAULT_RESIDUE_BYTES = 2 ** 30;

export const SleepShape = z.strictObject({
  level: z
    .union([z.literal(1), z.literal(2), z.literal("freeze")], {
      error: "must be 1 (weights to memory), 2 (weights dropped) or freeze (by the driver)",
    })
    .default(1),
  residue: readWith(readRamBytes).default(DEFAULT_RESIDUE_BYTES),
  ram: readWith(readRamBytes).optional(),
  timeout: readWith((value) => readDurationMs(value, 1)).default(60_000),
});

/** `true` and `freeze` are short for maps; what is wrong within a map is said of its keys. */
function spellOutSleep(value: unknown, ctx: z.RefinementCtx): unknown {
  if (value === false) return null;
  if (value === true) return {};
  if (value === "freeze") return { level: "freeze" };
  if (typeof value === "object" && value !== null) return value;
  ctx.addIssue({
    code: "custom",
    message: "must be true, false, freeze or a map with level, residue, ram, timeout",
  });
  return z.NEVER;
}

export const PythonShape = z.strictObject({ requirements: Text.min(1).optional() });

export const MountShape = z.strictObject({
  host: Text.min(1),
  path: Text.min(1),
  readOnly: z.boolean().default(false),
});

export const ParamShape = z.strictObject({
  type: z.enum(["string", "integer", "number", "boolean", "file", "json"]),
  required: z.boolean().default(false),
  default: ParamValue.optional(),
  help: Text.default(""),
  load: z.boolean().default(false),
  min: z.number().optional(),
  max: z.number().optional(),
  multipleOf: z.number().positive().optional(),
  choices: z
    .array(z.union([z.string(), z.number()], { error: "must be text or a number" }))
    .min(1)
    .optional(),
  accept: z.array(Text).default([]),
});
export type ParamFields = z.infer<typeof ParamShape>;

/** The keys of runtime.yaml, one by one; what spans several keys is checked in check-fields.ts. */
export const RuntimeShape = z.strictObject({
  name: z
    .string()
    .regex(runtimeNamePattern, "must be lower-case letters, digits, '.', '_' or '-', at most 63"),
  summary: z.string().max(200).default(""),
  engine: z.enum(["process", "container"]).default("process"),
  image: Text.min(1).optional(),
  build: Text.min(1).optional(),
  container: ContainerShape.optional(),
  protocol: z.enum(["orch", "exec", "openai", "cog", "http"]).default("orch"),
  server: ServerShape.optional(),
  command: z.array(Text).min(1).max(256).optional(),
  python: PythonShape.optional(),
  gpu: GpuShape.prefault({}),
  cpus: z.number().int().min(0).max(100_000).nullable().default(null),
  ram: readWith(readRamBytes).default(0),
  slots: z.number().int().min(1).max(1024).default(1),
  replicas: ReplicasShape.prefault({}),
  keepAlive: readWith(readKeepAliveMs).default(300_000),
  minResidency: readWith((value) => readDurationMs(value, 0)).default(0),
  sleep: z.preprocess(spellOutSleep, SleepShape.nullable()).default(null),
  timeouts: TimeoutsShape.prefault({}),
  checkEvery: readWith(readCheckEveryMs).default(30_000),
  warmUp: z.record(z.string(), ParamValue).nullable().default(null),
  mounts: z.array(MountShape).default([]),
  secrets: z.array(z.string()).default([]),
  env: z.record(z.string(), EnvValue).default({}),
  params: z.record(z.string(), ParamShape).default({}),
  estimateBy: z.array(z.string()).max(8).default([]),
  outputs: z.array(Text).default([]),
  aliases: AliasesShape,
});
export type RuntimeFields = z.infer<typeof RuntimeShape>;

/** The keys allowed in the map at `path`, for "did you mean"; empty where every key is allowed. */
export function keysAllowedAt(path: readonly (string | number)[]): readonly string[] {
  const [first] = path;
  if (path.length === 0) return Object.keys(RuntimeShape.shape);
  if (path.length === 1 && first === "gpu") return Object.keys(GpuShape.shape);
  if (path.length === 2 && first === "gpu" && path[1] === "mps") return Object.keys(MpsShape.shape);
  if (path.length === 1 && first === "replicas") return Object.keys(ReplicasShape.shape);
  if (path.length === 1 && first === "timeouts") return Object.keys(TimeoutsShape.shape);
  if (path.length === 1 && first === "sleep") return Object.keys(SleepShape.shape);
  if (first === "server") return serverKeysAt(path);
  if (path.length === 1 && first === "container") return Object.keys(ContainerShape.shape);
  if (path.length === 1 && first === "python") return Object.keys(PythonShape.shape);
  if (path.length === 2 && first === "mounts") return Object.keys(MountShape.shape);
  if (path.length === 2 && first === "params") return Object.keys(ParamShape.shape);
  if (path.length === 2 && first === "aliases") return aliasKeys;
  return [];
}
