// node:child_process and not execa: hundreds of short programs start per second, and all that is wanted here is
// fork + exec with two file descriptors. execa's streams, promises and error objects cost several times the spawn.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { must } from "../std/assert.ts";
import { errnoOf, Failure } from "../std/failure.ts";
import { makeControlFolder } from "./control-folder.ts";
import type { Launch, ProcessIdentity } from "./engine.ts";
import { findProgram } from "./find-program.ts";
import { identityOf, readStat } from "./identity.ts";
import { labelEnvironment } from "./labels.ts";
import type { Child, Spawn, SpawnOptions } from "./posix-spawn.ts";
import { loadPosixSpawn } from "./posix-spawn.ts";

/**
 * The supervisor, one per program: POSIX sh, since it has to be there on every host, start in a millisecond and
 * outlive the daemon. $1 is the control folder, the rest the program; nothing of the user's is ever parsed as shell.
 *
 * - `set -C` makes `>` create `pid` with O_EXCL: it fails when the daemon has revoked the folder (exit 125).
 * - The trap has a handler instead of being ignored, so that the program gets the default handling of the signal
 *   while the supervisor lives on to see it end. A signal that comes before the program runs prevents the run.
 * - Its own stderr is closed off before the program runs: shells write "Killed" and the like there when a program ends
 *   by a signal, and that would stand in the program's log. The program has its stderr back.
 * - Each file is written by one builtin printf, so a reader sees the whole line or (without its end) none.
 */
const SCRIPT = `_orch_dir=$1
shift
_orch_stopped=
trap '_orch_stopped=1' TERM INT HUP
set -C
{ printf '%s %s\\n' "$$" "$ORCH_WORKER" >"$_orch_dir/pid"; } 2>/dev/null || exit 125
exec 3>&2 2>/dev/null
if [ -z "$_orch_stopped" ]; then (exec "$@" 2>&3 3>&-); _orch_code=$?; else _orch_code=143; fi
{ printf 'exit %s\\n' "$_orch_code" >"$_orch_dir/exit"; } 2>/dev/null
exit "$_orch_code"`;

/** What runs instead of a program that is not there: says so in the log and ends as shells end, with 127. */
const NOT_FOUND = 'printf "orch: %s: no such program\\n" "$1" >&2; exit 127';

/** A supervisor just started. */
export interface Supervised {
  readonly child: Child;
  readonly identity: ProcessIdentity;
}

/**
 * Starts the program of `launch` under its supervisor: detached, in its own session and group, labelled, stdin
 * from /dev/null, stdout and stderr appended to its log file.
 * @throws Failure engine/failed
 */
export async function startSupervised(launch: Launch, instanceId: string): Promise<Supervised> {
  makeControlFolder(launch);
  try {
    const child = spawnSupervisor(launch, instanceId);
    // Trouble in fork or exec (no such folder, too many processes) comes as an event when there is no pid.
    if (child.pid === undefined) throw await new Promise<unknown>((resolve) => child.once("error", resolve));
    return { child, identity: identifyOwn(child.pid) };
  } catch (error) {
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

function spawnSupervisor(launch: Launch, instanceId: string): Child {
  const env = { ...launch.env, ...labelEnvironment({ workerId: launch.workerId, instanceId }) };
  const args = ["-c", SCRIPT, "orch", launch.dir, ...programOf(launch)];
  const logFd = openLog(launch.logPath);
  if (quickSpawn === undefined) quickSpawn = loadPosixSpawn();
  try {
    const start = quickSpawn ?? spawnByNode;
    return start({ file: "/bin/sh", argv: ["/bin/sh", ...args], env, cwd: launch.cwd, logFd });
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
function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o640);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o750 });
    return openSync(path, "a", 0o640);
  }
}

/**
 * The argv with its program as an absolute path: a bare name could be a builtin, and `exit` or `exec` run inside
 * the supervisor would end it without a record.
 */
function programOf(launch: Launch): readonly string[] {
  const [name = "", ...rest] = launch.argv;
  const file = findProgram(name, launch.env["PATH"], launch.cwd);
  return file === null ? ["/bin/sh", "-c", NOT_FOUND, "orch", name] : [file, ...rest];
}
