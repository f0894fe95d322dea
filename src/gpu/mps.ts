import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "../std/clock.ts";
import { Failure } from "../std/failure.ts";

/** NVIDIA's control daemon for programs that share GPUs at the same time (NVIDIA, "Multi-Process Service"). */
export interface Mps {
  /** What programs need to find it. */
  readonly env: { readonly CUDA_MPS_PIPE_DIRECTORY: string; readonly CUDA_MPS_LOG_DIRECTORY: string };
  /** The pid of the control daemon, also of one that an earlier orch started; null when it does not run. */
  pid(): number | null;
  /** Starts it unless it runs. @throws Failure gpu/unavailable */
  ensure(): Promise<void>;
  /** Whether a process is the control daemon, or a server that it started. */
  isPart(pid: number): boolean;
  /** Whether a program lost its control daemon: none runs, or one that is younger than the program. */
  hasLost(pid: number): boolean;
  /** Tells it to quit, and ends it if it does not. Its clients lose their contexts. */
  quit(): Promise<void>;
}

export interface MpsOptions {
  /** A folder of its own, closed to others; short, since sockets lie in it. */
  readonly dir: string;
  readonly clock: Clock;
  /** Default: nvidia-cuda-mps-control in PATH. */
  readonly program?: string | undefined;
  /** PATH, and what the driver's libraries are found by. */
  readonly env: Readonly<Record<string, string>>;
}

/** The control daemon writes its pid there. */
const PID_FILE = "nvidia-cuda-mps-control.pid";
/** It is up within a fraction of a second; what takes longer hangs in the driver. */
const START_DEADLINE_MS = 10_000;
const QUIT_DEADLINE_MS = 10_000;
const LOOK_AGAIN_MS = 20;

/**
 * One control daemon for all GPUs of the host: a program knows one pipe folder only, and may hold several GPUs. Nothing
 * runs before `ensure`.
 */
export function createMps({ dir, clock, program = "nvidia-cuda-mps-control", env }: MpsOptions): Mps {
  const pipeDir = join(dir, "pipe");
  const logDir = join(dir, "log");
  const mpsEnv = { CUDA_MPS_PIPE_DIRECTORY: pipeDir, CUDA_MPS_LOG_DIRECTORY: logDir };
  const pid = (): number | null => findDaemon(join(pipeDir, PID_FILE), pipeDir);
  const until = async (isDone: () => boolean, deadlineMs: number): Promise<boolean> => {
    const endMs = clock.monotonicMs() + deadlineMs;
    while (!isDone() && clock.monotonicMs() < endMs) await sleep(LOOK_AGAIN_MS);
    return isDone();
  };
  const call = (args: readonly string[], input: string | null): Promise<string | null> =>
    run(program, args, { env: { ...env, ...mpsEnv }, input, output: join(logDir, "start") });
  let starting: Promise<void> | null = null;
  const start = async (): Promise<void> => {
    for (const folder of [dir, pipeDir, logDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    rmSync(join(pipeDir, PID_FILE), { force: true });
    const why = await call(["-d"], null);
    if (why === null && (await until(() => pid() !== null, START_DEADLINE_MS))) return;
    throw new Failure("gpu/unavailable", "the control daemon of MPS does not start", {
      why: why ?? `it wrote no ${PID_FILE} within ${START_DEADLINE_MS / 1000} s`,
      hint: `cat ${join(logDir, "control.log")}; or set mps: false in config.yaml`,
    });
  };
  return {
    env: mpsEnv,
    pid,
    ensure() {
      if (starting === null && pid() !== null) return Promise.resolve();
      starting ??= start().finally(() => {
        starting = null;
      });
      return starting;
    },
    isPart(other) {
      const daemon = pid();
      return daemon !== null && (other === daemon || parentOf(other) === daemon);
    },
    hasLost(client) {
      const daemon = pid();
      // A client is started after its control daemon. Both count from boot, in ticks of 10 ms.
      return daemon === null || (startOf(client) ?? 0) < (startOf(daemon) ?? 0);
    },
    async quit() {
      const daemon = pid();
      if (daemon === null) return;
      await call([], "quit\n");
      if (await until(() => !hasPipeDir(daemon, pipeDir), QUIT_DEADLINE_MS)) return;
      process.kill(daemon, "SIGKILL");
    },
  };
}

/** The pid in the file, if that process is the daemon of this folder: pids go to other programs later. */
function findDaemon(file: string, pipeDir: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8").trim());
    return Number.isSafeInteger(pid) && pid > 1 && hasPipeDir(pid, pipeDir) ? pid : null;
  } catch {
    return null;
  }
}

/** Whether a process runs with this pipe folder: the control daemon, its servers and its clients do. */
export function hasPipeDir(pid: number, pipeDir: string): boolean {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
    return environment.includes(`CUDA_MPS_PIPE_DIRECTORY=${pipeDir}`);
  } catch {
    return false;
  }
}

/** Field 4 of /proc/PID/stat (proc(5)). */
function parentOf(pid: number): number | null {
  return statOf(pid, 4);
}

/** Field 22 of /proc/PID/stat: ticks since boot. */
function startOf(pid: number): number | null {
  return statOf(pid, 22);
}

/** What comes before the last parenthesis is the program's name, fields 1 and 2. */
function statOf(pid: number, field: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[field - 3]);
  } catch {
    return null;
  }
}

interface RunOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly input: string | null;
  readonly output: string;
}

/**
 * Runs the program to its end. Its output goes to a file: the daemon that it leaves behind keeps what it inherits open.
 * @returns what went wrong, or null
 */
function run(program: string, args: readonly string[], options: RunOptions): Promise<string | null> {
  const output = openSync(options.output, "w", 0o600);
  return new Promise((resolve) => {
    const child = spawn(program, [...args], { env: options.env, stdio: ["pipe", output, output] });
    closeSync(output);
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      resolve(`it gave no answer within ${START_DEADLINE_MS / 1000} s`);
    }, START_DEADLINE_MS);
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      resolve(code === 0 ? null : firstLine(options.output) || `it ended with ${signal ?? `code ${code}`}`);
    });
    child.once("error", () => clearTimeout(timer));
  });
}

function firstLine(file: string): string {
  try {
    return readFileSync(file, "utf8").trim().split("\n")[0] ?? "";
  } catch {
    return "";
  }
}
