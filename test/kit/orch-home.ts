import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { type Client, createClient } from "../../src/client/client.ts";
import { removeCgroups } from "./cgroups.ts";
import { until } from "./until.ts";

/** What a command line of orch came to. */
export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** Leads a process group of its own, as a job of an interactive shell does. */
  readonly detached?: boolean;
}

/** A command line of orch that runs. */
export interface RunningCli {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly ended: Promise<CliResult>;
}

/** A state folder of its own with everything that runs in it. */
export interface OrchHome {
  readonly dir: string;
  /** Path of the bin/orch that runs here. */
  readonly bin: string;
  readonly env: Readonly<Record<string, string>>;
  readonly socket: string;
  readonly database: string;
  readonly client: Client;
  /** Writes a file below the folder, with the folders it needs; gives its path. */
  write(path: string, text: string, mode?: number): string;
  /** Runs a command line through bin/orch. */
  orch(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  spawn(args: readonly string[], options?: CliOptions): RunningCli;
  /** Starts `orch daemon` as a child and waits until it is ready. */
  daemon(...args: string[]): Promise<DaemonProcess>;
  /** The same without the wait. */
  launchDaemon(...args: string[]): DaemonProcess;
  /** Pids of programs that carry the label of this home's daemon. */
  programs(): number[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A daemon in a process of its own. */
export interface DaemonProcess {
  readonly pid: number;
  /** From the start of the process to "orch is ready", in milliseconds. Rejects when it ends before. */
  readonly ready: Promise<number>;
  /** What it wrote on stderr. */
  stderr(): string;
  isRunning(): boolean;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** How it ended: exit code, or 128 + signal number for the signals tests send. */
  readonly ended: Promise<number>;
  signal(name: NodeJS.Signals): void;
}

const READY_DEADLINE_MS = 20_000;

/**
 * Makes an empty home for the orch at `bin`. All processes of it end when it is disposed of.
 * @param given a folder to be used instead of a temporary one, and not to be removed
 */
export function createOrchHome(
  bin: string,
  extra: Readonly<Record<string, string>> = {},
  given?: string,
): OrchHome {
  const dir = given ?? mkdtempSync(join(tmpdir(), "orch-home-"));
  chmodSync(dir, 0o755);
  const env = { PATH: fastPath(), HOME: dir, LANG: "C.UTF-8", ORCH_HOME: dir, ...extra };
  const socket = join(dir, "run", "orch.sock");
  const children = new Set<ChildProcess>();
  const start = (args: readonly string[], options: CliOptions = {}): RunningCli =>
    startCli(bin, args, { env: { ...env, ...options.env }, cwd: options.cwd ?? dir, options, children });
  return {
    dir,
    bin,
    env,
    socket,
    database: join(dir, "state", "orch.db"),
    client: createClient(socket),
    write(path, text, mode = 0o644) {
      const file = join(dir, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode });
      return file;
    },
    orch: (args, options) => start(args, options).ended,
    spawn: start,
    launchDaemon: (...args) => launchDaemon(bin, args, { env, cwd: dir, options: {}, children }),
    async daemon(...args) {
      const daemon = launchDaemon(bin, args, { env, cwd: dir, options: {}, children });
      await daemon.ready;
      return daemon;
    },
    programs: () => pidsOf(dir, "ORCH_INSTANCE="),
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill("SIGKILL");
      await until("no process of this home is left", () => killAll(dir), READY_DEADLINE_MS);
      removeCgroups(join(dir, "state", "orch.db"));
      if (given === undefined) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface CliStart {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly options: CliOptions;
  readonly children: Set<ChildProcess>;
}

function startCli(bin: string, args: readonly string[], start: CliStart): RunningCli {
  const child = spawn(process.execPath, [bin, ...args], {
    env: start.env,
    cwd: start.cwd,
    detached: start.options.detached ?? false,
    stdio: ["pipe", "pipe", "pipe"],
  });
  start.children.add(child);
  child.stdin.on("error", () => undefined);
  child.stdin.end(start.options.input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<CliResult>((resolve) => {
    child.once("close", (code, signal) => {
      start.children.delete(child);
      resolve({ code: code ?? exitCodeOf(signal), stdout, stderr });
    });
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

function launchDaemon(bin: string, args: readonly string[], start: CliStart): DaemonProcess {
  const startMs = performance.now();
  const child = spawn(process.execPath, [bin, "daemon", ...args], {
    env: start.env,
    cwd: start.cwd,
    stdio: ["ignore", "ignore", "pipe"],
  });
  start.children.add(child);
  let stderr = "";
  let isRunning = true;
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => {
      isRunning = false;
      start.children.delete(child);
      resolve(code ?? exitCodeOf(signal));
    });
  });
  const ready = new Promise<number>((resolve, reject) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      stderr += `${line}\n`;
      if (line.startsWith("orch is ready")) resolve(performance.now() - startMs);
    });
    child.once("close", () => reject(new Error(`the daemon ended before it was ready: ${stderr}`)));
  });
  ready.catch(() => undefined);
  return {
    pid: child.pid ?? 0,
    ready,
    stderr: () => stderr,
    isRunning: () => isRunning,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    ended,
    signal: (name) => void child.kill(name),
  };
}

function exitCodeOf(signal: NodeJS.Signals | null): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };
  return 128 + (signal === null ? 0 : (numbers[signal] ?? 0));
}

let pathFound: string | undefined;

/** PATH with the folder of the real interpreter first: a version manager's python3 is a slow shell script. */
function fastPath(): string {
  if (pathFound === undefined) {
    const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" });
    pathFound = [dirname(python.trim()), process.env["PATH"] ?? ""].join(":");
  }
  return pathFound;
}

/** Kills what still runs for the home, daemons included; true when nothing is left. */
function killAll(dir: string): boolean {
  const pids = pidsOf(dir, "");
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has just ended.
    }
  }
  return pids.length === 0;
}

/** Processes that were started for the home `dir`, and have `label` in their environment. */
function pidsOf(dir: string, label: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      // A zombie's environment is empty: it holds nothing any more.
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
      return environment.includes(`HOME=${dir}\0`) && environment.includes(label) ? [pid] : [];
    } catch {
      return [];
    }
  });
}
