import { availableParallelism } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { parseBytes } from "../std/bytes.ts";
import { whyNotContainerArg } from "../std/container-args.ts";
import { parseDurationMs } from "../std/duration.ts";
import { Failure } from "../std/failure.ts";
import { suggest } from "../std/suggest.ts";
import { type ConfigSource, readConfigFile } from "./config-file.ts";
import { GatewaySchema } from "./gateway.ts";
import { MetricsSchema } from "./metrics.ts";
import { refuseOfProject } from "./of-project.ts";
import type { Environment, Paths } from "./paths.ts";
import { TasksSchema } from "./tasks.ts";

const Bytes = z.union([z.number().int().min(0), z.string()]).transform((value, context) => {
  try {
    return typeof value === "number" ? value : parseBytes(value);
  } catch {
    context.issues.push({ code: "custom", message: "expected an amount like 512MiB", input: value });
    return z.NEVER;
  }
});

const Duration = z.union([z.number().int().min(1), z.string()]).transform((value, context) => {
  try {
    return typeof value === "number" ? value : parseDurationMs(value);
  } catch {
    context.issues.push({ code: "custom", message: "expected a duration like 90m or 7d", input: value });
    return z.NEVER;
  }
});

/** A list of arguments; in a variable or flag they are separated by spaces. */
const Words = z
  .union([
    z.array(z.string().min(1)),
    z.string().transform((text) => text.split(/\s+/).filter((word) => word !== "")),
  ])
  .default([]);

function refuseOurs(args: readonly string[], context: z.RefinementCtx): void {
  for (const arg of args) {
    const why = whyNotContainerArg(arg);
    if (why !== null)
      context.addIssue({ code: "custom", message: `${JSON.stringify(arg)} is not allowed: ${why}` });
  }
}

const Limit = z.number().min(0).nullable().default(null);

const QuotaSchema = z.strictObject({
  running: Limit.describe("jobs that may run at once"),
  queued: Limit.describe("jobs that may wait"),
  gpuHours: Limit.describe("decayed use of GPUs (fairShareHalfLife) above which jobs wait"),
  maxPriority: z.number().nullable().default(null),
});

function historyOf(defaultMs: number, what: string) {
  return Duration.refine((keptMs) => keptMs >= 60_000, "expected at least 1m")
    .default(defaultMs)
    .describe(`what the GPUs did (orch gpus --history) is kept by ${what} for so long`);
}

const AccountName = z.string().min(1).max(256).nullable().default(null);

/** The keys of config.yaml. `z.toJSONSchema` of it is what editors get. */
export const ConfigSchema = z.object({
  gpus: z
    .string()
    .regex(
      /^(auto|none|nvml|nvidia-smi|amd|virtual:.+)$/,
      "expected auto, none, nvml, nvidia-smi, amd or virtual:…",
    )
    .default("auto")
    .describe("how GPUs are seen: auto, none, nvml, nvidia-smi, amd, or virtual:… to simulate some"),
  autostart: z.boolean().default(true).describe("commands start the daemon when none listens"),
  cpuCores: z
    .number()
    .int()
    .min(1)
    .max(100_000)
    .default(() => availableParallelism())
    .describe("CPU cores that jobs may hold together; a job without a GPU holds one; default: all"),
  ram: Bytes.nullable()
    .default(null)
    .describe("memory of the host that jobs may hold together; default: all"),
  quantumFactor: z
    .number()
    .min(1)
    .max(1000)
    .default(10)
    .describe("a lane keeps its GPU for this many times its measured switch cost while others wait"),
  urgency: z
    .number()
    .min(0)
    .max(100)
    .default(Math.SQRT2)
    .describe("how steeply waiting costs grow with age: 0 = fewest switches, larger = the oldest first"),
  vramReserve: Bytes.default(0).describe("memory left free on every GPU, e.g. 512MiB"),
  fairShareHalfLife: Duration.default(7 * 86_400_000).describe(
    "past use of GPUs counts half after this long, e.g. 7d",
  ),
  priorities: z
    .record(
      z.string().regex(/^[a-z][a-z0-9-]*$/, "expected a name like urgent"),
      z.number().int().min(-1000).max(1000),
    )
    .default({ low: -100, normal: 0, high: 100 })
    .describe("names for priorities, so that --priority high can be written"),
  quotas: z
    .record(
      z.string().regex(/^(user|group):.+$/, "expected user:NAME, group:NAME, user:* or group:*"),
      QuotaSchema,
    )
    .default({})
    .describe("limits by user and group: running, queued, gpuHours, maxPriority"),
  group: AccountName.describe(
    "Unix group whose members may use this daemon, each as their own user; only for a daemon of root",
  ),
  admins: AccountName.describe("Unix group whose members see and change everything; needs group"),
  allowRootJobs: z.boolean().default(false).describe("with group: root may submit jobs, too"),
  workerUser: AccountName.describe(
    "with group: the user that workers of runtimes run as; none = they do not",
  ),
  cgroups: z
    .enum(["auto", "off"])
    .default("auto")
    .describe("auto: every worker gets a cgroup of its own where that can be made"),
  limitCpus: z.boolean().default(false).describe("a worker gets no more CPU time than the cores it holds"),
  maxProcesses: z
    .number()
    .int()
    .min(1)
    .max(4_194_304)
    .nullable()
    .default(null)
    .describe("processes and threads that one worker may have; default: no limit"),
  mps: z
    .boolean()
    .default(false)
    .describe("workers that share a GPU of NVIDIA's compute at the same time, by NVIDIA's MPS"),
  containerEngine: z
    .string()
    .regex(/^(auto|docker|podman|\/.+)$/, "expected auto, docker, podman or an absolute path")
    .default("auto")
    .describe("what runs containers: auto, docker, podman, or the path of one of them"),
  containerGlobalArgs: Words.describe("arguments of the container engine before every verb"),
  containerArgs: Words.superRefine(refuseOurs).describe("arguments of every run of a container"),
  logMaxBytes: Bytes.refine((bytes) => bytes >= 65_536, "expected at least 64KiB")
    .default(64 * 2 ** 20)
    .describe("a log file that grows larger has its beginning packed away; at least 64KiB"),
  logKeepParts: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(16)
    .describe("packed parts kept of each log; the oldest go first"),
  logRotateEvery: Duration.nullable()
    .refine((everyMs) => everyMs === null || everyMs >= 60_000, "expected at least 1m")
    .default(null)
    .describe(
      "a log file has what is older packed away, whatever its size, e.g. 1d; at least 1m; null = never",
    ),
  logMaxAge: Duration.nullable()
    .default(30 * 86_400_000)
    .describe("logs of ended jobs and workers are removed after this long, e.g. 30d; null = never"),
  logTotal: Bytes.nullable()
    .default(20 * 2 ** 30)
    .describe("what all logs may take on disk; those of the oldest ended jobs go first; null = any amount"),
  gpuHistoryFine: historyOf(2 * 3_600_000, "steps of 5 s"),
  gpuHistoryMinutes: historyOf(2 * 86_400_000, "minutes"),
  gpuHistoryHours: historyOf(365 * 86_400_000, "hours"),
  energyPrice: z
    .number()
    .min(0)
    .nullable()
    .default(null)
    .describe("what a kilowatt-hour costs, for orch stats, e.g. 0.30; default: no cost is shown"),
  gateway: GatewaySchema,
  tasks: TasksSchema,
  metrics: MetricsSchema,
  logLevel: z
    .enum(["trace", "debug", "info", "warn", "error"])
    .default("info")
    .describe("how much the daemon logs: trace, debug, info, warn or error"),
});

export type Config = z.infer<typeof ConfigSchema>;
export type ConfigKey = keyof Config;

/** Where a value came from, e.g. { kind: "user", where: "/home/ada/.config/orch/config.yaml:3:9" }. */
export interface ConfigOrigin {
  readonly kind: "flag" | "env" | "project" | "user" | "system" | "default";
  readonly where: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<ConfigKey, ConfigOrigin>>;
}

export interface LoadOptions {
  readonly paths: Pick<Paths, "configFile" | "systemConfigFile">;
  readonly env: Environment;
  /** As given on the command line, by key. */
  readonly flags?: Readonly<Partial<Record<ConfigKey, string>>>;
  /** Folder whose `.orch.yaml` counts; none when left out. */
  readonly projectDir?: string | undefined;
}

const keys = Object.keys(ConfigSchema.shape) as ConfigKey[];

/**
 * The settings that hold: flags > ORCH_* of the environment > .orch.yaml > user file > system file > default,
 * each with where it came from. Missing files are fine.
 * @throws Failure config/invalid with file:line:col, file/unreadable
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const { paths, projectDir } = options;
  const files: [ConfigOrigin["kind"], string][] = [
    ["system", paths.systemConfigFile],
    ["user", paths.configFile],
  ];
  if (projectDir !== undefined) files.push(["project", join(projectDir, ".orch.yaml")]);
  const values: Record<string, unknown> = {};
  const origins: Record<string, ConfigOrigin> = {};
  const take = (kind: ConfigOrigin["kind"], source: ConfigSource): void => {
    for (const { key, value, keyAt, valueAt } of source) {
      const known = checkKey(key, keyAt);
      if (kind === "project") refuseOfProject(known, keyAt, paths.configFile);
      values[known] = checkValue(known, valueAt, value);
      origins[known] = { kind, where: valueAt };
    }
  };
  for (const [kind, file] of files) take(kind, await readConfigFile(file));
  take("env", environmentSource(options.env));
  take("flag", flagSource(options.flags ?? {}));
  for (const key of keys) origins[key] ??= { kind: "default", where: "default" };
  return { config: ConfigSchema.parse(values), origins: origins as Record<ConfigKey, ConfigOrigin> };
}

/** The variable of a key: cpuCores is ORCH_CPU_CORES. */
export function variableOf(key: ConfigKey): string {
  return `ORCH_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

function environmentSource(env: Environment): ConfigSource {
  return keys.flatMap((key) => {
    const name = variableOf(key);
    const text = env[name];
    return text ? [{ key, value: scalarOf(key, text), keyAt: name, valueAt: name }] : [];
  });
}

function flagSource(flags: Readonly<Partial<Record<ConfigKey, string>>>): ConfigSource {
  return keys.flatMap((key) => {
    const text = flags[key];
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (text === undefined) return [];
    return [{ key, value: scalarOf(key, text), keyAt: flag, valueAt: flag }];
  });
}

/** Text of a variable or flag as the type its key has; what does not fit is left as text for the check to refuse. */
function scalarOf(key: ConfigKey, text: string): unknown {
  const trimmed = text.trim();
  if (isFlag(key)) {
    if (["1", "true", "yes", "on"].includes(trimmed.toLowerCase())) return true;
    if (["0", "false", "no", "off"].includes(trimmed.toLowerCase())) return false;
  }
  return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

function isFlag(key: ConfigKey): boolean {
  return (
    ConfigSchema.shape[key] instanceof z.ZodDefault &&
    typeof ConfigSchema.shape[key].parse(undefined) === "boolean"
  );
}

function checkKey(key: string, where: string): ConfigKey {
  if (Object.hasOwn(ConfigSchema.shape, key)) return key as ConfigKey;
  const near = suggest(key, keys);
  throw new Failure("config/invalid", `${where}: unknown key "${key}"`, {
    hint: near === undefined ? `use one of ${keys.join(", ")}` : `did you mean ${near}?`,
  });
}

function checkValue(key: ConfigKey, where: string, value: unknown): unknown {
  const result = ConfigSchema.shape[key].safeParse(value);
  // A null (`gpus:` with nothing behind it) means "not set here" to nobody: it is refused like any wrong value.
  if (result.success && value !== undefined) return value;
  const why = result.success ? "it has no value" : (result.error.issues[0]?.message ?? "invalid");
  throw new Failure("config/invalid", `${where}: ${key} cannot be ${JSON.stringify(value)}`, {
    why,
    hint: ConfigSchema.shape[key].description,
  });
}
