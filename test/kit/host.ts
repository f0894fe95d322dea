import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { JobOptions } from "../../src/client/api.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import { type Paths, resolvePaths } from "../../src/config/paths.ts";
import { createProcessEngine } from "../../src/engine/process.ts";
import type { JobView } from "../../src/protocol/views.ts";
import { systemClock } from "../../src/std/clock.ts";
import { bundleOrch } from "./bundle-orch.ts";
import { until } from "./until.ts";

export interface HostOptions {
  /** As `--gpus` takes it. One virtual GPU of 24 GiB when left out. */
  readonly gpus?: string;
  /** Lines of config.yaml. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** ORCH_HOME; a temp folder when left out. A folder that is given is not removed. */
  readonly home?: string;
}

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A daemon in a process of its own, with an ORCH_HOME of its own. */
export interface Host extends AsyncDisposable {
  readonly home: string;
  readonly paths: Paths;
  readonly client: Client;
  readonly instanceId: string;
  /** Of the daemon that runs now. */
  pid(): number;
  /** Resolves with the job once it is in one of these states; fails once it is over without. */
  until(jobId: number, ...states: readonly JobView["state"][]): Promise<JobView>;
  /** Runs the command line against this daemon. */
  cli(...args: readonly string[]): Promise<CliResult>;
  /** Submits a shell command. */
  sh(script: string, options?: ShOptions): Promise<JobView>;
  /** Writes a runtime into ORCH_HOME/runtimes. */
  addRuntime(name: string, yaml: string, files?: Readonly<Record<string, string>>): void;
  /** `kill -9` to the daemon; its workers live on. */
  kill(): Promise<void>;
  /** Resolves with the exit code of the daemon that runs now, once it has ended. */
  exited(): Promise<number | null>;
  /** Starts a daemon on the same home after the last one has ended. */
  start(): Promise<void>;
  /** What the daemon has logged. */
  log(): string;
}

export interface ShOptions {
  readonly gpus?: number;
  readonly vramBytes?: number | null;
  readonly mode?: "exclusive" | "shared";
  readonly env?: Readonly<Record<string, string>>;
  readonly options?: JobOptions;
}

/** Starts a daemon. Its disposal kills everything that it started. */
export async function startHost(options: HostOptions = {}): Promise<Host> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), "orch-host-"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    LANG: "C.UTF-8",
    ...options.env,
    ORCH_HOME: home,
  };
  if (options.config !== undefined) writeFileSync(join(home, "config.yaml"), options.config);
  const paths = resolvePaths({ env, cwd: home, uid: process.getuid?.() ?? 0 });
  const client = createClient(paths.socket);
  const program = await bundleOrch();
  const args = [program, "daemon", "--gpus", options.gpus ?? "virtual:1x24GiB"];
  let daemon = await startDaemon(args, env, client);
  const { instance } = await client.call("GET /status", {});
  const kill = async (): Promise<void> => {
    daemon.child.kill("SIGKILL");
    await daemon.ended;
  };
  return {
    home,
    paths,
    client,
    instanceId: instance,
    pid: () => daemon.child.pid ?? -1,
    until: (jobId, ...states) => untilJob(client, jobId, states),
    cli: (...words) => runCli(program, words, env),
    sh: (script, given = {}) =>
      client.call("POST /jobs/run", {
        command: ["sh", "-c", script],
        cwd: home,
        env: { ...given.env },
        gpus: given.gpus ?? 0,
        vramBytes: given.vramBytes ?? null,
        mode: given.mode ?? "exclusive",
        options: given.options ?? {},
      }),
    addRuntime: (name, yaml, files = {}) => addRuntime(home, name, { "runtime.yaml": yaml, ...files }),
    kill,
    exited: () => daemon.ended,
    async start() {
      daemon = await startDaemon(args, env, client);
    },
    log: () => readFileSync(paths.daemonLog, "utf8"),
    async [Symbol.asyncDispose]() {
      await kill();
      const engine = createProcessEngine({ instanceId: instance, clock: systemClock });
      for (const left of await engine.labelled(instance)) await engine.kill(left.identity);
      if (options.home === undefined) rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

interface RunningDaemon {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

async function startDaemon(
  args: readonly string[],
  env: Record<string, string>,
  client: Client,
): Promise<RunningDaemon> {
  const child = spawn(process.execPath, args, { env, cwd: "/", stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  // A test that is interrupted must not leave its daemon behind.
  const killNow = (): boolean => child.kill("SIGKILL");
  process.once("exit", killNow);
  void ended.then(() => process.off("exit", killNow));
  await until(
    "the daemon answers",
    async () => {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`the daemon ended with ${child.exitCode ?? child.signalCode}: ${said}`);
      if (!said.includes("orch is ready")) return false;
      const hello = await client.call("GET /hello", {}).catch(() => null);
      return hello?.pid === child.pid;
    },
    30_000,
  );
  return { child, ended };
}

const JOB_DEADLINE_MS = 30_000;

async function untilJob(
  client: Client,
  jobId: number,
  states: readonly JobView["state"][],
): Promise<JobView> {
  const deadline = AbortSignal.timeout(JOB_DEADLINE_MS);
  for await (const line of client.stream("GET /follow", { jobs: [jobId] }, { signal: deadline })) {
    if (line.type === "job" && states.includes(line.job.state)) return line.job;
  }
  const found = await client.call("GET /jobs/:job", { job: jobId });
  if (states.includes(found.state)) return found;
  const how = deadline.aborted ? `is still ${found.state} after ${JOB_DEADLINE_MS} ms` : `is ${found.state}`;
  throw new Error(
    `job ${jobId} ${how}, not ${states.join(" or ")}: ${JSON.stringify({ ...found, params: null }, null, 1)}`,
  );
}

function runCli(program: string, words: readonly string[], env: Record<string, string>): Promise<CliResult> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [program, ...words],
      { env, maxBuffer: 2 ** 26, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

function addRuntime(home: string, name: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    const path = join(home, "runtimes", name, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
