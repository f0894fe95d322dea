import { type ChildProcess, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Connection, connect, encode } from "./connection.ts";
import { orchBin } from "./orch-bin.ts";
import { until } from "./until.ts";

export interface DaemonOptions {
  /** As `orch daemon --gpus` takes it; default: one virtual GPU. */
  readonly gpus?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For Node, before the program. */
  readonly nodeFlags?: readonly string[];
  /** A folder made by `makeHome`, where one is to be used again; a fresh one is made and removed otherwise. */
  readonly home?: string;
}

/** A daemon of its own folder, running as a child of the benchmark. */
export interface Daemon {
  readonly home: string;
  readonly socket: string;
  readonly pid: number;
  /** Environment in which `orch` finds this daemon. */
  readonly env: NodeJS.ProcessEnv;
  /** From the spawn to the first answer. */
  readonly startMs: number;
  connect(): Promise<Connection>;
  /** Memory in RAM now. */
  rssBytes(): number;
  /** The most it has ever had. */
  peakRssBytes(): number;
  /** CPU time used so far, all threads. */
  cpuMs(): number;
  /** Ends it; `keepHome` leaves the folder for another daemon. */
  stop(options?: { keepHome?: boolean }): Promise<void>;
}

/** A fresh ORCH_HOME, on the disk of ORCH_BENCH_DIR or the system's temporary folder. */
export function makeHome(): string {
  return fs.mkdtempSync(path.join(process.env["ORCH_BENCH_DIR"] ?? os.tmpdir(), "orch-bench-"));
}

/** Starts a daemon and waits until it answers. */
export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const home = options.home ?? makeHome();
  const socket = path.join(home, "run", "orch.sock");
  const env = { ...withoutOrch(process.env), ...options.env, ORCH_HOME: home };
  const flags = process.env["ORCH_BENCH_NODE_FLAGS"]?.split(" ") ?? [];
  const startMs = performance.now();
  const child = spawn(
    process.execPath,
    [...flags, ...(options.nodeFlags ?? []), orchBin, "daemon", "--gpus", options.gpus ?? "virtual:1x24GiB"],
    // A session of its own: Ctrl-C is for the benchmark, which then ends the daemon and its workers.
    { env, stdio: ["ignore", "ignore", "pipe"], cwd: home, detached: true },
  );
  let said = "";
  child.stderr?.on("data", (chunk) => {
    said += String(chunk);
  });
  const connection = await until(
    "the daemon answers",
    async () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}: ${said}`);
      return connect(socket).catch(() => null);
    },
    { pollMs: 2 },
  );
  connection.close();
  return describe(child, { home, socket, env, startMs: performance.now() - startMs });
}

function describe(child: ChildProcess, about: Pick<Daemon, "home" | "socket" | "env" | "startMs">): Daemon {
  const pid = child.pid ?? 0;
  const cleanUp = (): void => leaveNothing(about);
  process.once("exit", cleanUp); // A benchmark that broke off.
  return {
    ...about,
    pid,
    connect: () => connect(about.socket),
    rssBytes: () => statusBytes(pid, "VmRSS"),
    peakRssBytes: () => statusBytes(pid, "VmHWM"),
    cpuMs: () => cpuMs(pid),
    async stop({ keepHome = false } = {}) {
      process.off("exit", cleanUp);
      const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      const connection = await connect(about.socket);
      // A daemon that is to come back finds its running workers; otherwise nothing may outlive the benchmark.
      await connection.send(encode("POST", "/shutdown", { mode: keepHome ? "leave" : "kill" }));
      connection.close();
      await gone;
      if (!keepHome) fs.rmSync(about.home, { recursive: true, force: true });
    },
  };
}

/** Ends daemon and workers from an exit handler, where nothing can be waited for: a program of its own does it. */
function leaveNothing({ env, home }: Pick<Daemon, "env" | "home">): void {
  const script = '"$0" "$1" down --kill; rm -rf "$2"';
  const args = ["-c", script, process.execPath, orchBin, home];
  spawn("sh", args, { env, stdio: "ignore", detached: true }).unref();
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** A daemon of the caller's must not be the one that is measured. */
function withoutOrch(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("ORCH_")));
}

function statusBytes(pid: number, field: string): number {
  const text = fs.readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1]) * 1024;
}

/** Fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms. */
function cpuMs(pid: number): number {
  const text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
