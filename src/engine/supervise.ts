// node:child_process and not execa: hundreds of short programs start per second, and all that is wanted here is
// fork + exec with two file descriptors. execa's streams, promises and error objects cost several times the spawn.
import { spawn } from "node:child_process";
import { closeSync, fchownSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { must } from "../std/assert.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { giveWay } from "../std/give-way.ts";
import { type Cgroup, type Cgroups, type Limits, recordCgroup } from "./cgroup.ts";
import { makeControlFolder } from "./control-folder.ts";
import type { Launch, ProcessIdentity } from "./engine.ts";
import { findProgram } from "./find-program.ts";
import { identityOf, readStat } from "./identity.ts";
import { labelEnvironment } from "./labels.ts";
import type { Child, Spawn, SpawnOptions } from "./posix-spawn.ts";
import { loadPosixSpawn } from "./posix-spawn.ts";
import { runAsUser } from "./run-as.ts";

/**
 * The supervisor, one per program: POSIX sh, since it has to be there on every host, start in a millisecond and
 * outlive the daemon. $1 is the control folder, $2 the cgroups, one a line, the rest the program; nothing of the user's is ever
 * parsed as shell.
 *
 * - `set -C` makes `>` create `pid` with O_EXCL: it fails when the daemon has revoked the folder (exit 125).
 * - The trap has a handler instead of being ignored, so that the program gets the default handling of the signal
 *   while the supervisor lives on to see it end. A signal that comes before the program runs prevents the run.
 * - Its own stderr is closed off before the program runs: shells write "Killed" and the like there when a program ends
 *   by a signal, and that would stand in the program's log. The program has its stderr back.
 * - The program enters its cgroup before it is one (0 stands for whoever writes); the supervisor stays outside, so that it
 *   sees the end when all in there is killed at once.
 * - Each file is written by one builtin printf, so a reader sees the whole line or (without its end) none.
 */
const SCRIPT = `_orch_dir=$1
_orch_cgroup=$2
shift 2
_orch_stopped=
trap '_orch_stopped=1' TERM INT HUP
set -C
{ printf '%s %s\\n' "$$" "$ORCH_WORKER" >"$_orch_dir/pid"; } 2>/dev/null || exit 125
exec 3>&2 2>/dev/null
if [ -z "$_orch_stopped" ]; then (
  IFS='
'
  set -f
  for _orch_dir in $_orch_cgroup; do
    printf 0 >|"$_orch_dir/cgroup.procs" || { printf 'orch: cannot enter its cgroup\\n' >&3; exit 125; }
  done
  exec "$@" 2>&3 3>&-
); _orch_code=$?; else _orch_code=143; fi
{ printf 'exit %s\\n' "$_orch_code" >"$_orch_dir/exit"; } 2>/dev/null
exit "$_orch_code"`;

/** What runs instead of a program that is not there: says so in the log and ends as shells end, with 127. */
const NOT_FOUND = 'printf "orch: %s: no such program\\n" "$1" >&2; exit 127';

const NO_LIMITS: Limits = { ramBytes: null, cpuCores: null, maxProcesses: null };

/** A supervisor just started. */
export interface Supervised {
  readonly child: Child;
  readonly identity: ProcessIdentity;
}

/**
 * Starts the program of `launch` under its supervisor: detached, in its own session and group, labelled, stdin
 * from /dev/null, stdout and stderr appended to its log file.
 * @param cgroups null = it gets none
 * @throws Failure engine/failed
 */
export async function startSupervised(
  launch: Launch,
  instanceId: string,
  cgroups: Cgroups | null = null,
): Promise<Supervised> {
  // A start takes the loop some milliseconds, and hundreds may be due at once.
  await giveWay();
  makeControlFolder(launch);
  const cgroup = makeCgroup(launch, cgroups);
  try {
    const child = spawnSupervisor(launch, instanceId, cgroup);
    // Trouble in fork or exec (no such folder, too many processes) comes as an event when there is no pid.
    if (child.pid === undefined) throw await new Promise<unknown>((resolve) => child.once("error", resolve));
    return { child, identity: identifyOwn(child.pid) };
  } catch (error) {
    cgroup?.remove();
    throw new Failure("engine/failed", `cannot start worker ${launch.workerId} in ${launch.cwd}`, {
      why: error instanceof Error ? error.message : String(error),
      hint: "check that the working directory exists and that the host has processes and files to spare",
      cause: error,
    });
  }
}

function identifyOwn(pid: number): ProcessIdentity {
  try {
    // It may have ended already, but it stays a zombie with its start time until this turn of the event loop ends.
    return identityOf(must(readStat(pid), `process ${pid} vanished before it was waited for`));
  } catch (error) {
    // A program that nobody could ever name again must not run.
    process.kill(-pid, "SIGKILL");
    throw error;
  }
}

/** The quick way to start programs, where there is one; looked for at the first start. */
let quickSpawn: Spawn | null | undefined;

/** @throws Failure engine/failed: a worker that was to be held within limits does not run without. */
function makeCgroup(launch: Launch, cgroups: Cgroups | null): Cgroup | null {
  try {
    // The engine makes a container's own; its client needs none.
    if (launch.container !== undefined) return null;
    const cgroup = cgroups?.make(launch.workerId, launch.limits ?? NO_LIMITS) ?? null;
    if (cgroup !== null) recordCgroup(launch.dir, cgroup);
    return cgroup;
  } catch (error) {
    throw new Failure("engine/failed", `cannot make the cgroup of worker ${launch.workerId}`, {
      why: error instanceof Error ? error.message : String(error),
      hint: 'set "cgroups: off" in config.yaml to do without',
      cause: error,
    });
  }
}

function spawnSupervisor(launch: Launch, instanceId: string, cgroup: Cgroup | null): Child {
  const labels = labelEnvironment({ workerId: launch.workerId, instanceId });
  const { argv, env, cwd } = programOf({ ...launch, env: { ...launch.env, ...labels } });
  const args = ["-c", SCRIPT, "orch", launch.dir, cgroup?.dirs.join("\n") ?? "", ...argv];
  const logFd = openLog(launch);
  if (quickSpawn === undefined) quickSpawn = loadPosixSpawn();
  try {
    const start = quickSpawn ?? spawnByNode;
    return start({ file: "/bin/sh", argv: ["/bin/sh", ...args], env: { ...env, ...labels }, cwd, logFd });
  } finally {
    closeSync(logFd);
  }
}

function spawnByNode({ file, argv, env, cwd, logFd }: SpawnOptions): Child {
  const child = spawn(file, argv.slice(1), { cwd, env, detached: true, stdio: ["ignore", logFd, logFd] });
  child.on("error", () => undefined);
  child.unref();
  return child;
}

/** Opens a log file to append to; its folder, nearly always there, is made only when it is missing. */
function openLog({ logPath: path, runAs }: Launch): number {
  const fd = openOrMake(path, runAs === undefined ? 0o640 : 0o600);
  // It is the user's to read; the folder is not theirs, so nothing else can be put in its place.
  if (runAs !== undefined) fchownSync(fd, runAs.uid, runAs.gid);
  return fd;
}

function openOrMake(path: string, mode: number): number {
  try {
    return openSync(path, "a", mode);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    return openSync(path, "a", mode);
  }
}

/**
 * The argv with its program as an absolute path: a bare name could be a builtin, and `exit` or `exec` run inside
 * the supervisor would end it without a record.
 */
function programOf(launch: Launch): Pick<Launch, "argv" | "env" | "cwd"> {
  const { argv, env, cwd, runAs } = launch;
  // What the user may see and enter is for the kernel to say, once the program is the user's; root would see it all.
  if (runAs !== undefined) return { ...runAsUser(runAs, launch), cwd: "/" };
  const [name = "", ...rest] = argv;
  const file = findProgram(name, env["PATH"], cwd);
  return { argv: file === null ? ["/bin/sh", "-c", NOT_FOUND, "orch", name] : [file, ...rest], env, cwd };
}
