import { basename, dirname } from "node:path";
import { assert, must } from "../std/assert.ts";
import type { Json } from "../std/json.ts";
import { expandCommand } from "./expand-command.ts";
import { gpuEnvironment, type VisibleGpu } from "./gpu-environment.ts";
import type { Runtime } from "./runtime.ts";

/** What is known of a worker before its program is started. */
export interface LaunchContext {
  /** Load params, as laneOf gave them. */
  readonly load: Readonly<Record<string, Json>>;
  /** GPUs that the worker's lease covers; empty = none. */
  readonly gpuUuids: readonly string[];
  /** What shows them to the program; left out: as NVIDIA's are shown. */
  readonly gpuEnv?: Readonly<Record<string, string>> | undefined;
  /** Bytes of its lease on each GPU; null = not known yet, or no GPU. */
  readonly vramBytes: number | null;
  /** Where a worker of protocol `orch` listens; null for all others. */
  readonly socketPath: string | null;
  /** Port of the loopback address where a server of another protocol listens; null for `orch` and `exec`. */
  readonly port: number | null;
  readonly fence: number;
  readonly workerId: number;
  readonly instanceId: string;
  /** Folder that holds the Python package orch_sdk. */
  readonly sdkDir: string;
  /** Interpreter of the runtime's virtual environment; null = python3 of PATH. */
  readonly pythonPath: string | null;
  /** PATH, HOME, LANG and what else of the daemon's environment programs may see. Never a secret. */
  readonly baseEnv: Readonly<Record<string, string>>;
  /** The one job of a worker of protocol `exec`; null for `orch`. */
  readonly job: ExecJob | null;
}

/** A job as a program of protocol `exec` sees it. */
export interface ExecJob {
  readonly jobId: number;
  readonly params: Readonly<Record<string, Json>>;
  /** JSON file with the params. */
  readonly paramsPath: string;
  /** Existing folder for artifacts. */
  readonly outputDir: string;
  /** NDJSON file that the program may append progress, log, output and artifact lines to. */
  readonly eventsPath: string;
}

/** What to start. Pure data: a dry run prints it. */
export interface LaunchPlan {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Plans how a worker's program is started: command, the whole environment, working directory. Values of secrets
 * are not in it; whoever starts the program adds them, so that no plan, log or dry run can show them.
 */
export function planLaunch(runtime: Runtime, context: LaunchContext): LaunchPlan {
  assert(runtime.engine === "process", `planLaunch is for processes, "${runtime.name}" is a container`);
  const command = expandForJob(runtime, context);
  const argv = withInterpreter(command, context.pythonPath);
  const env = { ...context.baseEnv, ...runtime.env, ...orchEnv(runtime, context) };
  return { argv, env: withFolderFirst(env, context.pythonPath), cwd: runtime.dir };
}

/** As in an activated environment: its programs are found by name, also by a server that starts others. */
function withFolderFirst(
  env: Readonly<Record<string, string>>,
  pythonPath: string | null,
): Record<string, string> {
  if (pythonPath === null) return env;
  const folders = [dirname(pythonPath), env["PATH"] ?? ""].filter((folder) => folder !== "");
  return { ...env, PATH: folders.join(":") };
}

/**
 * The command of a runtime with what only the start knows put in: the params of the job for protocol `exec`, the load
 * params and {port} for servers that were not written for orch.
 */
export function expandForJob(runtime: Runtime, context: LaunchContext): string[] {
  if (runtime.protocol === "orch") return [...runtime.command];
  if (runtime.protocol !== "exec")
    return expandCommand(runtime.command, {
      ...context.load,
      port: must(context.port, "a server needs a port"),
    });
  return expandCommand(
    runtime.command,
    must(context.job, `"${runtime.name}" runs one job, and none was given`).params,
  );
}

/** What orch sets in the environment of a worker, whatever its runtime says. */
export function orchEnv(runtime: Runtime, context: LaunchContext): Record<string, string> {
  const { job, socketPath } = context;
  const paths = [context.sdkDir, runtime.env["PYTHONPATH"] ?? ""].filter((path) => path !== "");
  return {
    ...(context.gpuEnv ?? gpuEnvironment(context.gpuUuids.map(asNvidia), new Set())),
    PYTHONPATH: paths.join(":"),
    PYTHONUNBUFFERED: "1",
    // The folder of a runtime may belong to others or be read-only; what pip compiled is still used.
    PYTHONDONTWRITEBYTECODE: "1",
    ORCH_INSTANCE: context.instanceId,
    ORCH_WORKER: String(context.workerId),
    ORCH_RUNTIME: runtime.name,
    ORCH_FENCE: String(context.fence),
    ORCH_SLOTS: String(runtime.slots),
    ORCH_LOAD: JSON.stringify(context.load),
    ...(context.vramBytes === null ? {} : { ORCH_VRAM_BYTES: String(context.vramBytes) }),
    ...(context.port === null ? {} : { PORT: String(context.port), ORCH_PORT: String(context.port) }),
    ...(runtime.protocol === "orch" ? { ORCH_SOCKET: must(socketPath, "a worker needs a socket") } : {}),
    ...(job === null ? {} : jobEnv(job)),
  };
}

function asNvidia(uuid: string): VisibleGpu {
  return { vendor: "nvidia", visibleAs: uuid };
}

function jobEnv(job: ExecJob): Record<string, string> {
  return {
    ORCH_JOB: String(job.jobId),
    ORCH_PARAMS: job.paramsPath,
    ORCH_OUTPUT_DIR: job.outputDir,
    ORCH_EVENTS: job.eventsPath,
  };
}

function withInterpreter(command: readonly string[], pythonPath: string | null): string[] {
  const [program, ...args] = command;
  assert(program !== undefined, "the command of a process has a program");
  const isPython = program === "python3" || program === "python" || basename(program) === "python3";
  return isPython && pythonPath !== null ? [pythonPath, ...args] : [program, ...args];
}
