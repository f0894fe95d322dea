import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Environment, Paths } from "../config/paths.ts";
import { ensureRunDir, makePrivateDir } from "../config/run-dir.ts";
import { systemClock } from "../std/clock.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { packageRoot } from "../std/package-root.ts";
import { createClient } from "./client.ts";
import { errorIn } from "./request.ts";
import { START_REPORT_VARIABLE } from "./start-report.ts";

export interface StartOptions {
  readonly paths: Paths;
  readonly uid: number;
  readonly env: Environment;
  /** Arguments after `orch daemon`. */
  readonly daemonArgs?: readonly string[] | undefined;
  readonly daemonCommand?: readonly string[] | undefined;
}

export interface StartedDaemon {
  readonly pid: number;
  readonly version: string;
  /** False when another process was quicker to start one: it is that one's pid. */
  readonly ours: boolean;
}

const START_TIMEOUT_MS = 10_000;
const FIRST_POLL_MS = 10;
const LAST_POLL_MS = 50;
const RETRY_AFTER_MS = 500;

/** What orch sets in the environment of the programs it starts. */
const JOB_VARIABLES: ReadonlySet<string> = new Set(
  ["INSTANCE", "WORKER", "JOB", "RUNTIME", "FENCE", "LOAD", "SLOTS", "PARAMS", "EVENTS", "OUTPUT_DIR"].map(
    (name) => `ORCH_${name}`,
  ),
);

/** Daemons this process has started: keeps their report files apart. */
let starts = 0;

/**
 * Starts the user's daemon in the background and waits until it answers. Of two that race for the daemon's lock
 * the loser exits with daemon/running, and both callers end up with the winner.
 * @throws Failure as the daemon reported it, daemon/start-failed, state/unwritable, permission/denied
 */
export async function startDaemon(options: StartOptions): Promise<StartedDaemon> {
  const { paths } = options;
  makePrivateDir(paths.stateDir);
  ensureRunDir(paths, options.uid);
  starts += 1;
  const report = join(paths.stateDir, `start-report-${process.pid}-${starts}.json`);
  const logStart = sizeOf(paths.daemonLog);
  toWrite(report, () => writeFileSync(report, "", { mode: 0o600 }));
  try {
    return await untilAnswering({
      paths,
      report,
      logStart,
      spawn: (): ChildProcess => spawnDaemon(options, report),
    });
  } finally {
    rmSync(report, { force: true });
  }
}

interface Watch {
  readonly paths: Paths;
  readonly report: string;
  /** Size of the log before the start: what comes after it is this daemon's. */
  readonly logStart: number;
  readonly spawn: () => ChildProcess;
}

function spawnDaemon(options: StartOptions, report: string): ChildProcess {
  const { paths, env } = options;
  const [program = "", ...args] = options.daemonCommand ?? [
    process.execPath,
    join(packageRoot(), "bin", "orch"),
    "daemon",
    ...(options.daemonArgs ?? []),
  ];
  const log = toWrite(paths.daemonLog, () => openSync(paths.daemonLog, "a", 0o600));
  try {
    const child = spawn(program, args, {
      // The daemon must not hold the caller's folder, so the paths that were relative to it go along absolute.
      cwd: "/",
      detached: true,
      stdio: ["ignore", log, log],
      env: {
        ...withoutJob(env),
        ...(paths.home === null ? {} : { ORCH_HOME: paths.home }),
        ...(paths.socketChosen ? { ORCH_SOCKET: paths.socket } : {}),
        [START_REPORT_VARIABLE]: report,
      },
    });
    // A program that cannot be executed has no pid; that is noticed below, the event needs a listener only.
    child.once("error", () => {});
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/** A disk that has turned read-only, or is full, or a folder that is somebody else's. */
function toWrite<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new Failure("state/unwritable", `cannot write ${file}`, {
      why: errnoOf(error) ?? String(error),
      hint: `df -h ${dirname(file)}; ls -ld ${dirname(file)}`,
      cause: error,
    });
  }
}

/** A daemon started from inside a job is not part of that job: with its labels it would be stopped with it. */
function withoutJob(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !JOB_VARIABLES.has(name)));
}

async function untilAnswering(watch: Watch): Promise<StartedDaemon> {
  const client = createClient(watch.paths.socket);
  const now = (): number => systemClock.monotonicMs();
  const deadlineMs = now() + START_TIMEOUT_MS;
  let child = watch.spawn();
  let retryAtMs = now() + RETRY_AFTER_MS;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, LAST_POLL_MS)) {
    const hello = await client.call("GET /hello", {}, { timeoutMs: 2000 }).catch(() => undefined);
    if (hello !== undefined) return { pid: hello.pid, version: hello.version, ours: hello.pid === child.pid };
    if (now() > deadlineMs)
      throw startFailure(`it did not answer within ${START_TIMEOUT_MS / 1000} s`, watch);
    if (hasEnded(child)) {
      const reason = giveReason(child, watch);
      if (reason.code !== "daemon/running") throw reason;
      // The one that holds the lock may be on its way out instead of in: then it is our turn after all.
      if (now() > retryAtMs) {
        child = watch.spawn();
        retryAtMs = now() + RETRY_AFTER_MS;
      }
    }
    await delay(pollMs);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Why a daemon that has exited did so: its own report, else what it left in the log. */
function giveReason(child: ChildProcess, watch: Watch): Failure {
  if (child.pid === undefined) return startFailure(`cannot execute ${child.spawnfile}`, watch);
  const reported = errorIn(readOrEmpty(watch.report));
  if (reported !== undefined) return Failure.fromBody(reported);
  const ending = child.signalCode ?? `exit code ${child.exitCode}`;
  const line = tellingLine(readOrEmpty(watch.paths.daemonLog, watch.logStart));
  return startFailure(
    line === undefined ? `it ended with ${ending}` : `it ended with ${ending}: ${line}`,
    watch,
  );
}

/** The line of a log that says what went wrong: Node puts its stack and version behind the error, others end with it. */
function tellingLine(log: string): string | undefined {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  return lines.findLast((line) => /^(error|\w*Error\b[^:]*): /.test(line)) ?? lines.at(-1)?.trim();
}

function startFailure(why: string, watch: Watch): Failure {
  return new Failure("daemon/start-failed", "the daemon did not start", {
    why,
    hint: `orch daemon  (runs it in the foreground); its log is ${watch.paths.daemonLog}`,
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function readOrEmpty(path: string, fromByte = 0): string {
  try {
    return readFileSync(path).subarray(fromByte).toString("utf8");
  } catch {
    return "";
  }
}
