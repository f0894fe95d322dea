import { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { errnoOf } from "../std/failure.ts";

/** A child process, as far as its supervisor's keeper needs one; ChildProcess of Node fits, too. */
export interface Child {
  /** Undefined when it could not be started; then "error" comes. */
  readonly pid?: number | undefined;
  kill(signal: NodeJS.Signals): boolean;
  once(event: "exit", hear: (exitCode: number | null, signal: NodeJS.Signals | null) => void): unknown;
  once(event: "error", hear: (error: Error) => void): unknown;
}

export interface SpawnOptions {
  readonly file: string;
  /** Begins with the program's own name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Descriptor that becomes its stdout and stderr. stdin is /dev/null. */
  readonly logFd: number;
}

/** Starts a program in a session of its own. @throws Error with a `code` like ENOENT */
export type Spawn = (options: SpawnOptions) => Child;

/** <spawn.h> of glibc and musl: SETSIGDEF | SETSIGMASK | SETSID. */
const FLAGS = 0x04 | 0x08 | 0x80;
/** More than posix_spawnattr_t, posix_spawn_file_actions_t and sigset_t have in any C library. */
const STRUCT_BYTES = 1024;
const WNOHANG = 1;
const O_RDONLY = 0;

interface Libc {
  spawn(pid: number[], file: string, actions: Buffer, attr: Buffer, argv: Strings, env: Strings): number;
  waitpid(pid: number, status: number[], options: number): number;
  initActions(actions: Buffer): number;
  destroyActions(actions: Buffer): number;
  addOpen(actions: Buffer, fd: number, path: string, flags: number, mode: number): number;
  addDup2(actions: Buffer, fd: number, as: number): number;
  addChdir(actions: Buffer, path: string): number;
  initAttr(attr: Buffer): number;
  setFlags(attr: Buffer, flags: number): number;
  setDefaultSignals(attr: Buffer, signals: Buffer): number;
  fillSignals(signals: Buffer): number;
}

/** Ends with null, as argv and environ do. */
type Strings = readonly (string | null)[];

/**
 * posix_spawn(3) through koffi. Node's own spawn forks, which copies the page tables of the daemon: 1 ms for a small
 * one, 30 ms and more with a million queued jobs, and the loop stands still meanwhile. The C library's does not copy.
 * @returns null where koffi or one of the functions is missing: then Node's own has to do.
 */
export function loadPosixSpawn(): Spawn | null {
  const libc = loadLibc();
  if (libc === null) return null;
  const attr = Buffer.alloc(STRUCT_BYTES);
  const signals = Buffer.alloc(STRUCT_BYTES);
  libc.initAttr(attr);
  libc.fillSignals(signals);
  // Node ignores SIGPIPE, and a program that inherits that never ends when its reader has gone.
  libc.setDefaultSignals(attr, signals);
  libc.setFlags(attr, FLAGS);
  const reaper = createReaper(libc);
  return (options) => reaper.watch(start(libc, attr, options));
}

function start(libc: Libc, attr: Buffer, { file, argv, env, cwd, logFd }: SpawnOptions): number {
  const actions = Buffer.alloc(STRUCT_BYTES);
  libc.initActions(actions);
  try {
    libc.addChdir(actions, cwd);
    libc.addOpen(actions, 0, "/dev/null", O_RDONLY, 0);
    libc.addDup2(actions, logFd, 1);
    libc.addDup2(actions, logFd, 2);
    const pid: number[] = [0];
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const code = libc.spawn(pid, file, actions, attr, strings(argv), strings(variables));
    if (code !== 0) throw systemError(file, code);
    return pid[0] ?? 0;
  } finally {
    libc.destroyActions(actions);
  }
}

/** A NUL would silently cut the string. Which one is not said: it may hold a secret. */
function strings(values: readonly string[]): Strings {
  if (values.some((value) => value.includes("\0")))
    throw new Error("an argument or variable has a NUL character");
  return [...values, null];
}

function systemError(file: string, errno: number): Error {
  const name =
    Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `error ${errno}`;
  return Object.assign(new Error(`spawn ${file} ${name}`), { code: name });
}

/** Waits for our children by their pids, so that Node's own children are left to Node. */
function createReaper(libc: Libc): { watch(pid: number): Child } {
  const living = new Map<number, EventEmitter>();
  const reap = (): void => {
    for (const [pid, events] of living) {
      const status: number[] = [0];
      const found = libc.waitpid(pid, status, WNOHANG);
      if (found === 0) continue;
      living.delete(pid);
      // Somebody else's waitpid took its status: it has ended, and nobody here knows how.
      events.emit("exit", ...(found === pid ? decodeStatus(status[0] ?? 0) : [null, null]));
    }
  };
  // Comes through the event loop, so never before `watch` has noted the child. It keeps no process alive.
  process.on("SIGCHLD", reap);
  return {
    watch(pid) {
      const events = new EventEmitter();
      living.set(pid, events);
      return Object.assign(events, { pid, kill: (signal: NodeJS.Signals) => sendTo(pid, signal, living) });
    },
  };
}

/** What is reaped is never signalled: its pid may be anybody's. */
function sendTo(pid: number, signal: NodeJS.Signals, living: ReadonlyMap<number, unknown>): boolean {
  try {
    return living.has(pid) && process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) === "ESRCH") return false;
    throw error;
  }
}

/** The status of wait(2): exit code, or signal. */
function decodeStatus(status: number): [exitCode: number | null, signal: NodeJS.Signals | null] {
  const number = status & 0x7f;
  if (number === 0) return [(status >> 8) & 0xff, null];
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  return [null, (name ?? "SIGKILL") as NodeJS.Signals];
}

function loadLibc(): Libc | null {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as {
      load(library: string | null): { func(prototype: string): never };
    };
    const libc = koffi.load(null);
    const actions = "posix_spawn_file_actions";
    return {
      spawn: libc.func(
        "int posix_spawn(_Out_ int *pid, const char *file, void *actions, void *attr, const char **argv, const char **env)",
      ),
      waitpid: libc.func("int waitpid(int pid, _Out_ int *status, int options)"),
      initActions: libc.func(`int ${actions}_init(void *actions)`),
      destroyActions: libc.func(`int ${actions}_destroy(void *actions)`),
      addOpen: libc.func(
        `int ${actions}_addopen(void *actions, int fd, const char *path, int flags, unsigned int mode)`,
      ),
      addDup2: libc.func(`int ${actions}_adddup2(void *actions, int fd, int as)`),
      addChdir: libc.func(`int ${actions}_addchdir_np(void *actions, const char *path)`),
      initAttr: libc.func("int posix_spawnattr_init(void *attr)"),
      setFlags: libc.func("int posix_spawnattr_setflags(void *attr, short flags)"),
      setDefaultSignals: libc.func("int posix_spawnattr_setsigdefault(void *attr, void *signals)"),
      fillSignals: libc.func("int sigfillset(void *signals)"),
    };
  } catch {
    return null;
  }
}
