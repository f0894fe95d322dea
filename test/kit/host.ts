import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "../../src/client/client.ts";
import { type Paths, resolvePaths } from "../../src/config/paths.ts";
import type { JobOptions } from "../../src/operations/api.ts";
import type { JobView } from "../../src/protocol/views.ts";
import { sharedOrch } from "./built-orch.ts";
import { type CliResult, createOrchHome, type DaemonProcess } from "./orch-home.ts";

export interface HostOptions {
  /** As `--gpus` takes it. One virtual GPU of 24 GiB when left out. */
  readonly gpus?: string;
  /** Lines of config.yaml. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** ORCH_HOME; a temp folder when left out. A folder that is given is not removed. */
  readonly home?: string;
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
  exited(): Promise<number>;
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
  const home = createOrchHome(await sharedOrch(), options.env, options.home);
  if (options.config !== undefined) home.write("config.yaml", options.config);
  const paths = resolvePaths({ env: home.env, cwd: home.dir, uid: process.getuid?.() ?? 0 });
  const { client } = home;
  const start = (): Promise<DaemonProcess> => home.daemon("--gpus", options.gpus ?? "virtual:1x24GiB");
  let daemon = await start();
  const { instance } = await client.call("GET /status", {});
  return {
    home: home.dir,
    paths,
    client,
    instanceId: instance,
    pid: () => daemon.pid,
    until: (jobId, ...states) => untilJob(client, jobId, states),
    cli: (...words) => home.orch(words),
    sh: (script, given = {}) =>
      client.call("POST /jobs/run", {
        command: ["sh", "-c", script],
        cwd: home.dir,
        env: { ...given.env },
        gpus: given.gpus ?? 0,
        vramBytes: given.vramBytes ?? null,
        mode: given.mode ?? "exclusive",
        options: given.options ?? {},
      }),
    addRuntime(name, yaml, files = {}) {
      for (const [file, text] of Object.entries({ "runtime.yaml": yaml, ...files })) {
        home.write(join("runtimes", name, file), text);
      }
    },
    kill: () => daemon.kill(),
    exited: () => daemon.ended,
    async start() {
      daemon = await start();
    },
    log: () => readFileSync(paths.daemonLog, "utf8"),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
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
